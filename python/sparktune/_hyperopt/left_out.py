"""The modules of Hyperopt that sparktune leaves out, and what to use instead."""

from __future__ import annotations

__all__ = ["LEFT_OUT", "refuse"]

#: Hyperopt's module name -> what to do without it.
LEFT_OUT = {
    "mongoexp": "run trials in parallel with SparkTrials or, on one machine, ProcessTrials; or "
    "write a Trials subclass of your own that keeps its documents in a database",
    "atpe": "use tpe.suggest, or mix.suggest to combine suggesters",
    "ipy": "run trials in parallel with SparkTrials or, on one machine, ProcessTrials",
    "sklearn": "wrap cross_val_score in an objective and call fmin; the package hyperopt-sklearn "
    "(import hpsklearn) has whole scikit-learn spaces",
    "graph_viz": "print(sparktune.pyll.as_apply(space)) shows a space as text",
    "rdists": "scipy.stats has distributions; sparktune.pyll.stochastic.sample draws from a space",
    "algobase": "a suggester is a function of (new_ids, domain, trials, seed); see "
    "sparktune.rand.suggest",
    "vectorize": "nothing has to be vectorised here; sparktune.pyll.rec_eval evaluates an "
    "expression and sparktune.pyll.stochastic.sample draws from it",
}


def refuse(name: str) -> ImportError:
    """Return the error for a module that is left out; the caller raises it.

    Parameters
    ----------
    name : str
        Its name in Hyperopt, a key of `LEFT_OUT`.
    """
    message = f"sparktune does not have Hyperopt's module {name!r}. Instead, {LEFT_OUT[name]}."
    return ImportError(message, name=f"sparktune.{name}")
