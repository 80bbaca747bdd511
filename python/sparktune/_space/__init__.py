"""The search space: the expression language, and what it compiles to.

In comes what a user writes with `sparktune.hp`: nested dicts, lists and expressions. Out comes a
`CompiledSpace`: the hyperparameters as a flat table with their conditions (for the Rust core) and a
`Program` (plain data) that builds the point which the objective sees. Each module uses only those
before it: the language (`functions`, `walks`, `parameters`, `evaluate`, `graph`, `symbols`, `expr`,
`draw`), the checks (`checks`, `distributions`), the compiler (`conditions`, `program_builder`,
`compile`) and the `reader`, which shows a space to people. May import `_worker`, `exceptions` and
`_core`.
"""
