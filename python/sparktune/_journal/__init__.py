"""A search on disk: an append-only log of plain records from which `fmin` goes on after any end.

In: what happened to the documents of a search. Out: the same documents, later, in another process.
Imports `_trials`, `_space` and below; `_search` imports it.
"""
