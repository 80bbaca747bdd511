"""``run.py LIBRARY SCRIPT``: run a script that imports `hyperopt`, with that library as it."""

import logging
import runpy
import sys
import warnings

library, script = sys.argv[1:]
warnings.simplefilter("ignore")  # the packages' own warnings; what sparktune logs is checked below
said = []


class _Said(logging.Handler):
    def emit(self, record):
        said.append(record.getMessage())


if library == "sparktune":
    import sparktune

    sparktune.install_as_hyperopt()
    logging.getLogger("sparktune").addHandler(_Said(logging.WARNING))
sys.argv = [script]
runpy.run_path(script, run_name="__main__")
assert not said, said
