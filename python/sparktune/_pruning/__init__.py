"""Which trials have no prospects: policies, and what a search knows about its trials' curves.

In: the curves that trials reported. Out: for each new trial the rule by which it ends itself, as
plain data for `sparktune._worker.rules`; for each pruned one the loss that it would have reached.
"""
