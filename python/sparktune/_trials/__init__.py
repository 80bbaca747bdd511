"""Trial documents, and everything that is derived from them.

In come documents: from suggesters, results, users, pickles. Out come the list of trials that count,
what they say (losses, the best trial, tables), and the changes that keep the sampler's history in
step. May import `_space`, `_worker`, `exceptions` and `_core`.
"""
