"""Invalid spaces: one clear error each, which names the line that wrote it."""

import math
import pickle
import traceback

import numpy as np
import pytest

from sparktune import exceptions as errors
from sparktune import hp
from sparktune._space.compile import compile_space
from sparktune._space.expr import Apply, as_apply, scope
from sparktune.exceptions import BadSearchSpace, BadSearchSpaceType, DuplicateLabel

nan, inf = math.nan, math.inf

WRONG = [
    (lambda: hp.uniform("lr", 1, 0), BadSearchSpace,
     r"^`high` of hp\.uniform\('lr'\) must be greater than `low`; got low=1, high=0\.$"),
    (lambda: hp.uniform("lr", 0, 0), BadSearchSpace, "greater than `low`; got low=0, high=0"),
    (lambda: hp.uniform("lr", 0, -1), BadSearchSpace, "greater than `low`"),
    (lambda: hp.uniform("lr", nan, 1), BadSearchSpace, "`low` .* finite number; got low=nan"),
    (lambda: hp.uniform("lr", 0, inf), BadSearchSpace, "`high` .* finite number; got high=inf"),
    (lambda: hp.uniform("lr", -inf, 0), BadSearchSpace, "finite"),
    (lambda: hp.uniform("lr", 0, 10**400), BadSearchSpace, "finite"),
    (lambda: hp.uniform("lr", -1e308, 1e308), BadSearchSpace, "finite distance"),
    (lambda: hp.uniform("lr", scope.log(10), 1), BadSearchSpace, "greater than `low`"),
    (lambda: hp.uniform("lr", False, True), BadSearchSpaceType, "must be a number; got low=False"),
    (lambda: hp.uniform("lr", np.False_, 1), BadSearchSpaceType, "must be a number"),
    (lambda: hp.uniform("lr", "0", 1), BadSearchSpaceType, "must be a number; got low='0'"),
    (lambda: hp.uniform("lr", 0, 1j), BadSearchSpaceType, "must be a number"),
    (lambda: hp.uniform("lr", None, 1), BadSearchSpaceType, "must be a number; got low=None"),
    (lambda: hp.uniform("lr", [0], 1), BadSearchSpaceType, "must be a number"),
    (lambda: hp.uniform("lr", np.zeros(2), 1), BadSearchSpaceType, "must be a number"),
    (lambda: hp.uniform("lr", 0, hp.uniform("top", 1, 2)), BadSearchSpace,
     r"must be a constant; .* low \+ \(high - low\)"),
    (lambda: hp.uniform("lr", 0, scope.uniform(1, 2)), BadSearchSpace, "must be a constant"),
    (lambda: hp.uniform(3, 0, 1), BadSearchSpaceType, "label of .* be a string; got 3"),
    (lambda: hp.choice(["a", "b"], ["c"]), BadSearchSpaceType, "label .* must be a string"),
    (lambda: hp.choice(b"a", ["c"]), BadSearchSpaceType, "label .* must be a string"),
    (lambda: hp.normal(None, 0, 1), BadSearchSpaceType, "label .* must be a string"),
    (lambda: hp.normal("", 0, 1), BadSearchSpace, "must not be empty"),
    (lambda: hp.quniform("q", 0, 1, 0), BadSearchSpace, r"`q` .* greater than 0; got q=0\."),
    (lambda: hp.quniform("q", 0, 1, -2), BadSearchSpace, "got q=-2"),
    (lambda: hp.qnormal("q", 0, 1, nan), BadSearchSpace, "`q` .* finite"),
    (lambda: hp.qloguniform("q", 0, 1, -1), BadSearchSpace, "got q=-1"),
    (lambda: hp.qlognormal("q", 0, 1, 0), BadSearchSpace, "`q`"),
    (lambda: hp.quniform("q", 1, 0, 1), BadSearchSpace, "greater than `low`"),
    (lambda: hp.qloguniform("q", 1, 0, 1), BadSearchSpace, "greater than `low`"),
    (lambda: hp.normal("n", 0, 0), BadSearchSpace, r"`sigma` .* greater than 0; got sigma=0\."),
    (lambda: hp.lognormal("n", 0, -1), BadSearchSpace, "got sigma=-1"),
    (lambda: hp.qnormal("n", 0, -1, 1), BadSearchSpace, "got sigma=-1"),
    (lambda: hp.normal("n", inf, 1), BadSearchSpace, "`mu` .* finite"),
    (lambda: hp.normal("n", 0, 1e308), BadSearchSpace,
     r"`sigma` .* mu \+ 4 \* sigma is finite; got mu=0, sigma=1e\+308\. Use a smaller scale"),
    (lambda: hp.lognormal("n", 0, 1e308), BadSearchSpace, "`sigma` .* finite"),
    (lambda: hp.uniform("\ud800", 0, 1), BadSearchSpace,
     r"label of hp\.uniform must be text that UTF-8 can encode; got '\\ud800'\. Hint: "),
    (lambda: hp.lognormal("n", 1000, 1), BadSearchSpace, "`mu` .* at most 709.78.*logarithm"),
    (lambda: hp.loguniform("lr", 1, 1000), BadSearchSpace,
     r"at most 709\.78; got high=1000\. The bounds are logarithms .* math\.log\(1e-5\)"),
    (lambda: hp.loguniform("lr", 1, 0.001), BadSearchSpace, "bounds are logarithms"),
    (lambda: hp.randint("r", 0), BadSearchSpace, "at least 1 .* got low=0"),
    (lambda: hp.randint("r", -3), BadSearchSpace, "at least 1"),
    (lambda: hp.randint("r", 5, 5), BadSearchSpace, "greater than `low`; got low=5, high=5"),
    (lambda: hp.randint("r", 2.5), BadSearchSpace, "whole number; got low=2.5"),
    (lambda: hp.randint("r", 0, 2**60), BadSearchSpace, r"2\*\*53"),
    (lambda: hp.randint("r", inf), BadSearchSpace, "finite"),
    (lambda: hp.uniformint("u", 5, 5), BadSearchSpace, r"hp\.uniformint\('u'\)"),
    (lambda: hp.uniformint("u", 0, 9, q=2), BadSearchSpace, r"`q` .* must be 1; .*quniform\('u'"),
    (lambda: hp.choice("c", []), BadSearchSpace, "`options` .* must not be empty; got \\[\\]"),
    (lambda: hp.choice("c", np.array([])), BadSearchSpace, "must not be empty"),
    (lambda: hp.choice("c", 7), BadSearchSpaceType, "must be a list; got 7"),
    (lambda: hp.choice("c", 3), BadSearchSpaceType, "must be a list; got 3"),
    (lambda: hp.choice("c", hp.uniform("x", 0, 1)), BadSearchSpaceType, "must be a list"),
    (lambda: hp.pchoice("p", []), BadSearchSpace, "must not be empty"),
    (lambda: hp.pchoice("p", [(0.3, 1), (1.1, 2)]), BadSearchSpace, "sum to 1; got a sum of 1.4"),
    (lambda: hp.pchoice("p", [(0.7, 1), (0.7, 2), (0.1, 3)]), BadSearchSpace, "sum of 1.5"),
    (lambda: hp.pchoice("p", [(-0.5, 1), (1.5, 2)]), BadSearchSpace, "at least 0; got -0.5"),
    (lambda: hp.pchoice("p", [(nan, 1), (1, 2)]), BadSearchSpace, "finite"),
    (lambda: hp.pchoice("p", [("a", 0.5), ("b", 0.5)]), BadSearchSpaceType, "must be a number"),
    (lambda: hp.pchoice("p", [1, 2]), BadSearchSpaceType, "pairs"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "message"), WRONG)
def test_wrong_arguments_raise_in_the_users_line(make, error, message):
    with pytest.raises(error, match=message) as caught:
        make()
    assert isinstance(caught.value, BadSearchSpace)
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert sum(frame.filename == __file__ for frame in frames) == 2  # this test and the lambda


@pytest.mark.parametrize(
    "missing", [lambda: hp.uniform("x", 0), lambda: hp.uniform("x", 0, 1, q=1)]
)
def test_python_itself_refuses_wrong_signatures(missing):
    with pytest.raises(TypeError, match="argument"):
        missing()


# -- errors that only the whole space shows -------------------------------------------------------


def test_a_duplicate_label_names_both_places():
    space = {
        "svm": {"C": hp.uniform("C", 0, 1)},
        "more": hp.choice("m", [1, [hp.normal("C", 0, 1)]]),
    }
    with pytest.raises(DuplicateLabel) as caught:
        compile_space(space)
    message = str(caught.value)
    assert "'C'" in message
    assert "$.svm.C (" in message
    assert "$.more[1][0] (" in message
    assert message.count(f"{__file__}:") == 2


def test_a_label_used_three_times_is_shown_at_all_its_places():
    space = {"a": hp.uniform("x", 0, 1), "b": [hp.choice("k", [0, hp.normal("x", 0, 1)])]}
    space["c"] = hp.randint("x", 3)
    with pytest.raises(DuplicateLabel) as caught:
        compile_space(space)
    for place in ("$.a (", "$.b[0][1] (", "$.c ("):
        assert place in str(caught.value)


def test_paths_of_other_keys_and_of_arithmetic():
    space = {1: hp.uniform("x", 0, 1) + 1, "b": hp.choice("x", [1])}
    with pytest.raises(DuplicateLabel, match=r"\$\[1\] \(.* and \$\['b'\] \(|\$\['b'\] .* \$\[1\]"):
        compile_space(space)


def hand_made(distribution):
    return scope.float(scope.hyperopt_param("x", distribution))


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (hand_made(scope.uniform(1, 0)), "greater than `low`"),
        (hand_made(scope.normal(0, 0)), "sigma"),
        (hand_made(scope.quniform(0, 1, 0)), "`q`"),
        (hand_made(scope.randint(3, 3)), "greater than `low`"),
        (hand_made(scope.categorical([0.5, 1.6])), "sum to 1"),
        (hand_made(scope.categorical([-0.5, 1.5])), "at least 0"),
        (hand_made(scope.uniform(hp.uniform("y", 0, 1), 2)), "must be a constant"),
        (hand_made(scope.uniform(0, 1) + 1), "must hold one of"),
        (scope.hyperopt_param(3, scope.uniform(0, 1)), "must be a string"),
        (hand_made(scope.lognormal(0)), r"must have mu, sigma"),
        ([scope.uniform(0, 1)], r"without a label; write hp\.uniform"),
        (scope.switch(hp.randint("r", 4), "a", "b"), "2 branches, and 'r' can be 3"),
        (scope.switch(hp.randint("r", -1, 1), "a", "b"), "can be -1"),
        (scope.switch(0), "at least one branch"),
        (Apply("nowhere", [], []), r"scope\.nowhere, which is not defined"),
    ],
)
def test_graphs_made_by_hand_are_checked_as_well(space, message):
    with pytest.raises(BadSearchSpace, match=message):
        compile_space(space)


def test_a_space_within_itself():
    node = as_apply([hp.uniform("x", 0, 1), 2])
    node.pos_args[1] = node
    with pytest.raises(BadSearchSpace, match="contain itself"):
        compile_space(node)


# -- the errors themselves -----------------------------------------------------------------------

ALL = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("error", ALL)
def test_errors_share_a_base_and_pickle(error):
    made = error("something")
    assert isinstance(made, errors.SparktuneError)
    copy = pickle.loads(pickle.dumps(made))
    assert type(copy) is error
    assert str(copy) == str(made) != ""
    assert vars(copy) == vars(made)


@pytest.mark.parametrize(
    ("error", "base"),
    [
        (errors.DuplicateLabel, errors.BadSearchSpace),
        (errors.BadSearchSpaceType, TypeError),
        (errors.InvalidTrial, ValueError),
        (errors.InvalidResultStatus, ValueError),
        (errors.InvalidLoss, errors.InvalidResult),
        (errors.InvalidAnnotatedParameter, ValueError),
        (errors.InvalidArgumentType, TypeError),
        (errors.InvalidArgumentType, ValueError),
        (errors.UnpicklableObjective, TypeError),
        (errors.SparkObjectInObjective, TypeError),
        (errors.SearchFailed, RuntimeError),
    ],
)
def test_bases_that_users_catch(error, base):
    assert issubclass(error, base)


def test_results_are_kept_and_shown():
    made = errors.InvalidLoss({"status": "ok"})
    assert made.result == {"status": "ok"}
    assert "got {'status': 'ok'}" in str(made)
    assert len(str(errors.InvalidResult("x" * 10_000))) < 600
    assert str(errors.InvalidResult(None, "Just this.")) == "Just this."
    assert errors.InvalidTrial("not a trial", 3).obj == 3
    assert str(errors.AllTrialsFailed()) != ""


def test_a_result_whose_repr_fails():
    class Rude:
        def __repr__(self):
            raise RuntimeError

    assert "Rude" in str(errors.InvalidResult(Rude()))


def holding_itself(empty):
    """Return a list or dict that is among its own items."""
    outer = empty
    inner = [empty, hp.uniform("x", 0, 1)]
    if isinstance(outer, dict):
        outer["inner"] = inner
    else:
        outer.append(inner)
    return outer


@pytest.mark.parametrize("empty", [[], {}], ids=["list", "dict"])
@pytest.mark.parametrize("use", [compile_space, lambda space: hp.choice("c", [space, 1])])
def test_a_space_that_holds_itself_is_refused(empty, use):
    with pytest.raises(
        BadSearchSpace, match=r"not hold itself; got a (list|dict) that does\. Hint: "
    ):
        use(holding_itself(empty))
