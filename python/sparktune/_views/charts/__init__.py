"""One file per chart: a function from trials to a `Chart`."""
