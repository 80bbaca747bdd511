"""Compatibility with Hyperopt that searches do not need.

Its module names, pickles, logger names, mixtures, and its node for draws from the prior. In come
names, pickles and expressions as Hyperopt has them, out go our modules, trials and densities. Only
the public modules import this package. May import everything.
"""
