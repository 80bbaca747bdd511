"""Compatibility with Hyperopt that searches do not need.

Its module names, pickles, logger names, mixtures, and its node for draws from the prior. Only the
public modules import this package. May import everything.
"""
