"""Compatibility with Hyperopt that no search needs.

Standing in for the package `hyperopt`, its pickles, its logger names, and helpers that exist only
because Hyperopt has them. Nothing else imports this package, except the public modules that carry
Hyperopt's names. May import everything.
"""
