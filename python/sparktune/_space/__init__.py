"""The search space: the expression language, and what it compiles to.

Users write nested dicts, lists and expressions with `sparktune.hp`. The result is a
`CompiledSpace`: the hyperparameters as a flat table with their conditions (for the Rust core) and a
`Program` (plain data) that builds the point which the objective sees. Each module uses only those
before it:

- the language: `walks`, `parameters`, `functions`, `evaluate`, `graph`, `symbols`, `expr`, `draw`;
- the checks: `checks`;
- the compiler: `conditions`, `program_builder`, `compile`;
- for people and tracking: `reader`.

May import `_worker`, `exceptions` and `_core`.
"""
