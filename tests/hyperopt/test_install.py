"""sparktune under the name `hyperopt`: each case in its own process, since it cannot be undone."""

import logging
import subprocess
import sys

import pytest

import sparktune
from sparktune._hyperopt.names import LEFT_OUT


def run(code):
    """Run code after `install_as_hyperopt`; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import sparktune; sparktune.{code}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_every_way_to_import():
    run(
        """install_as_hyperopt()
import hyperopt
from hyperopt import fmin, hp, tpe, rand, anneal, mix, base, pyll, SparkTrials, early_stop
import hyperopt.pyll.stochastic
import hyperopt.pyll_utils as pyll_utils
from hyperopt.fmin import generate_trials_to_calculate
from hyperopt.pyll.base import scope, as_apply, rec_eval, Apply, Literal, dfs, toposort
from hyperopt.base import JOB_STATE_DONE, miscs_update_idxs_vals, spec_from_misc, pyll as same
from hyperopt.exceptions import AllTrialsFailed
assert hyperopt is sparktune and hyperopt.Trials is sparktune.Trials
assert callable(hyperopt.fmin) and hyperopt.pyll is same is sparktune.pyll
assert hyperopt.base.pyll.scope is scope
from hyperopt import *
assert STATUS_OK == "ok" and Trials is sparktune.Trials
assert not [name for name in __import__("sys").modules if name.startswith("pyspark")]
"""
    )


def test_adaptive_tpe_is_the_default_with_one_warning():
    out = run(
        """install_as_hyperopt()
import logging
logging.basicConfig()
import hyperopt.atpe
from hyperopt import atpe, fmin, hp
assert atpe is hyperopt.atpe is sparktune.atpe
space, found = hp.uniform("x", -5, 5), []
for algo in (atpe.suggest, sparktune.tpe.suggest):
    found.append(fmin(abs, space, algo, 20, rstate=3, verbose=False))
assert found[0] == found[1]
"""
    )
    assert out.count("atpe.suggest runs tpe.suggest") == 1


def test_it_may_be_called_again_and_from_wherever():
    run("install_as_hyperopt(); sparktune.install_as_hyperopt(); import hyperopt.fmin")


def test_pickles_of_classes_under_hyperopts_name():
    run(
        """install_as_hyperopt()
import hyperopt, pickle
trials = pickle.loads(pickle.dumps(hyperopt.Trials()))
assert type(trials) is hyperopt.base.Trials
"""
    )


def test_the_real_one_must_not_be_there_already():
    out = run(
        """__name__
import hyperopt, logging
try:
    sparktune.install_as_hyperopt()
except ImportError as error:
    print(error)
logging.basicConfig()
sparktune.install_as_hyperopt(force=True)
import hyperopt
assert hyperopt is sparktune
"""
    )
    assert "before hyperopt is imported" in out
    assert "force=True" in out
    assert "code that has it keeps it" in out


def test_what_is_not_there():
    out = run(
        """install_as_hyperopt()
import hyperopt
for name in ("mongoexp", "rdists", "no_such", "pyll.no_such"):
    try:
        __import__(f"hyperopt.{name}")
    except ImportError as error:
        print(type(error).__name__, error)
try:
    from hyperopt import mongoexp
except ImportError as error:
    print("from:", error)
assert not hasattr(hyperopt, "mongoexp") and not hasattr(hyperopt, "no_such")
"""
    ).splitlines()
    assert out[0].startswith("ImportError sparktune does not have Hyperopt's module 'mongoexp'")
    assert "SparkTrials" in out[0]
    assert "scipy.stats" in out[1]
    assert out[2].startswith("ModuleNotFoundError No module named 'hyperopt.no_such'")
    assert "'hyperopt.pyll.no_such'" in out[3]
    assert out[4] == "from: " + out[0].removeprefix("ImportError ")


@pytest.mark.parametrize("name", sorted(LEFT_OUT))
def test_modules_that_are_left_out_say_what_to_use(name):
    with pytest.raises(ImportError, match=f"module '{name}'. Instead, ") as caught:
        __import__(f"sparktune.{name}")
    with pytest.raises(AttributeError, match=f"module '{name}'. Instead, "):
        getattr(sparktune, name)
    assert LEFT_OUT[name] in str(caught.value)


class TestLoggers:
    @pytest.fixture(autouse=True)
    def _levels(self):
        names = ["hyperopt", "hyperopt-spark", "hyperopt.fmin", "hyperopt.tpe", "sparktune"]
        before = {name: logging.getLogger(name).level for name in names}
        for name in names:  # Hyperopt sets one of them when it is imported
            logging.getLogger(name).setLevel(logging.NOTSET)
        yield
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)

    @pytest.mark.parametrize(
        ("theirs", "quiet", "loud"),
        [
            ("hyperopt-spark", "sparktune.spark", "sparktune.tpe"),
            ("hyperopt.tpe", "sparktune.tpe", "sparktune.fmin"),
            ("hyperopt.fmin", "sparktune.fmin", "sparktune.spark"),
        ],
    )
    def test_a_level_set_by_hyperopts_name_holds_for_ours(self, theirs, quiet, loud):
        logging.getLogger(theirs).setLevel(logging.ERROR)
        assert not logging.getLogger(quiet).isEnabledFor(logging.WARNING)
        assert logging.getLogger(loud).isEnabledFor(logging.WARNING)

    @pytest.mark.parametrize("name", ["hyperopt", "sparktune"])
    def test_the_packages_name_is_above_all(self, name):
        logging.getLogger(name).setLevel(logging.CRITICAL)
        for ours in ("sparktune.spark", "sparktune.tpe", "sparktune.fmin", "sparktune.domain"):
            assert not logging.getLogger(ours).isEnabledFor(logging.ERROR)

    def test_handlers_of_hyperopts_names_get_our_records(self):
        got = []

        class Handler(logging.Handler):
            def emit(self, record):
                got.append(record.getMessage())

        handler = Handler()
        logger = logging.getLogger("hyperopt-spark")
        logger.addHandler(handler)
        try:
            logging.getLogger("sparktune.spark").warning("here")
        finally:
            logger.removeHandler(handler)
        assert got == ["here"]

    @pytest.mark.parametrize("name", ["hyperopt-spark", "hyperopt.tpe", "hyperopt.base"])
    def test_hyperopts_own_loggers_stay_as_they_are(self, name):
        """With both libraries there, what is set for ours leaves Hyperopt's output alone."""
        theirs = logging.getLogger(name)
        parent = "hyperopt" if name.startswith("hyperopt.") else "root"
        assert theirs.parent.name == parent
        logging.getLogger("sparktune").setLevel(logging.CRITICAL)
        assert theirs.isEnabledFor(logging.WARNING)
        got = []

        class Handler(logging.Handler):
            def emit(self, record):
                got.append(record.getMessage())

        ours, handler = logging.getLogger("sparktune"), Handler()
        ours.addHandler(handler)
        try:
            theirs.warning("theirs")
        finally:
            ours.removeHandler(handler)
        assert got == []

    def test_each_handler_gets_a_record_once(self, caplog):
        logging.getLogger("sparktune.spark").warning("here")
        assert caplog.messages == ["here"]
