"""One search: the loop that asks for trials, has them evaluated and writes down what happened.

In come an objective, a space, a suggester and trials. Out come the same trials, finished. How
trials run is hidden behind the `Runner` protocol, how they are recorded behind `Tracker`. May
import `_tracking`, `_suggest`, `_trials`, `_space`, `_worker`, `_arguments`, `exceptions` and
`progress`.
"""
