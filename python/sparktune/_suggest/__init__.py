"""What all suggesters share: checked settings, and rows of values turned into trial documents.

In come rows from the Rust core, out go documents of new trials. The suggesters themselves are
public modules: `sparktune.tpe`, `rand`, `anneal`, `mix`. May import `_trials`, `_space`,
`_arguments`, `exceptions` and `_core`.
"""
