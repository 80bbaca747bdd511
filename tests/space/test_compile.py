"""From expressions to flat spaces: parameters, conditions, activity, rows."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparktune import hp
from sparktune._space.compile import Param, compile_space, evaluate_assignment
from sparktune._space.expr import scope
from sparktune.exceptions import InvalidArgument


def conditions(space):
    """Return the conditions by label, with labels instead of indices."""
    compiled = compile_space(space)
    return {
        p.label: {frozenset((compiled.labels[i], v) for i, v in part) for part in p.conditions}
        for p in compiled.params
    }


def active_values(compiled, row):
    lists = compiled.lists_from_row(np.asarray(row))
    return {label: values[0] for label, values in lists.items() if values}


def when(*parts):
    return {frozenset(part) for part in parts}


# -- parameters and conditions -------------------------------------------------------------------


def test_parameters_of_all_kinds():
    space = [
        hp.uniform("u", 0, 1), hp.qnormal("q", 1, 2, 3), hp.randint("r", 4),
        hp.randint("s", -2, 3), hp.uniformint("i", 1, 5), hp.choice("c", ["x", "y", "z"]),
        hp.pchoice("p", [(0.25, 1), (0.75, 2)]), hp.loguniform("l", -1, scope.log(10)),
    ]  # fmt: skip
    assert compile_space(space).params == (
        Param("u", "uniform", (0.0, 1.0)),
        Param("q", "qnormal", (1.0, 2.0, 3.0)),
        Param("r", "randint", (0.0, 4.0)),
        Param("s", "randint", (-2.0, 3.0)),
        Param("i", "quniform", (1.0, 5.0, 1.0)),
        Param("c", "randint", (0.0, 3.0)),
        Param("p", "categorical", (0.25, 0.75)),
        Param("l", "loguniform", (-1.0, math.log(10))),
    )


@pytest.mark.parametrize(
    "around", [lambda s: {"a": s}, lambda s: [s], lambda s: (s, 1), lambda s: {1: s}]
)
def test_containers_may_be_nested_deeper_than_python_has_frames(around):
    space = hp.uniform("x", 0, 1)
    for _ in range(3_000):
        space = around(space)
    point = compile_space(space).evaluate({"x": 0.5})
    for _ in range(3_000):
        point = point["a"] if isinstance(point, dict) and "a" in point else point
        point = point[1] if isinstance(point, dict) and 1 in point else point
        point = point[0] if isinstance(point, tuple) else point
    assert point == 0.5


def test_the_same_list_may_occur_twice():
    pair = [hp.uniform("x", 0, 1), 2]
    assert compile_space({"a": pair, "b": [pair]}).evaluate({"x": 0.5}) == {
        "a": (0.5, 2),
        "b": ((0.5, 2),),
    }


def test_choices_may_be_nested_a_thousand_deep():
    # With cubic work this takes minutes, and meets the time limit.
    space = 0
    for i in range(1_000):
        space = hp.choice(f"c{i}", [i, space])
    compiled = compile_space(space)
    assert compiled.labels == tuple(f"c{i}" for i in reversed(range(1_000)))
    assert compiled.params[-1].conditions == (tuple((i, 1) for i in range(999)),)
    assert not compiled.opaque


def test_nested_choices():
    space = hp.choice("a", [hp.choice("b", [1, hp.uniform("x", 0, 1)]), hp.uniform("y", 0, 1)])
    assert conditions(space) == {
        "a": when([]),
        "b": when([("a", 0)]),
        "x": when([("a", 0), ("b", 1)]),
        "y": when([("a", 1)]),
    }


def test_a_shared_node_has_alternatives():
    s = hp.uniform("s", 0, 1)
    space = hp.choice("a", [s, 0, [s, hp.choice("b", [s, 1])]])
    assert conditions(space)["s"] == when([("a", 0)], [("a", 2)])
    other = [hp.choice("a", [s, 0]), hp.choice("b", [0, s])]
    assert conditions(other)["s"] == when([("a", 0)], [("b", 1)])


def test_an_unconditional_path_wins():
    s = hp.uniform("s", 0, 1)
    assert conditions([hp.choice("a", [s, 0]), s])["s"] == when([])
    assert conditions([s, hp.choice("a", [s, 0])])["s"] == when([])


def test_all_branches_together_are_no_condition():
    s = hp.uniform("s", 0, 1)
    assert conditions(hp.choice("a", [s, [s], {"s": s}]))["s"] == when([])
    assert conditions(hp.pchoice("a", [(0.5, s), (0.5, [s])]))["s"] == when([])
    inner = hp.choice("b", [s, [s]])
    assert conditions(hp.choice("a", [inner, 0]))["s"] == when([("a", 0)])
    deep = s
    for i in range(40):  # 2**40 paths
        deep = hp.choice(f"c{i}", [deep, [deep]])
    assert conditions(deep)["s"] == when([])


def test_values_cover_a_choice_only_where_it_exists():
    """`x` is under both values of `b`, but `b` itself exists only when `a` is 0."""
    x = hp.uniform("x", 0, 1)
    b = hp.choice("b", [x, [x]])
    assert conditions(hp.choice("a", [b, 0, 1]))["x"] == when([("a", 0)])


def test_casts_of_integers_still_decide():
    r = hp.randint("r", 2)
    space = scope.switch(r, hp.uniform("x", 0, 1), hp.uniform("y", 0, 1))
    assert conditions(space) == {"r": when([]), "x": when([("r", 0)]), "y": when([("r", 1)])}
    assert not compile_space(space).opaque


def test_a_branch_that_no_value_reaches_is_never_active():
    space = scope.switch(hp.randint("r", 1), 0, hp.uniform("x", 0, 1))
    compiled = compile_space(space)
    assert compiled.params[1] == Param("x", "uniform", (0.0, 1.0), ())
    assert compiled.active_labels({"r": 0}) == ("r",)


def test_parents_come_first_even_if_met_later():
    s = hp.choice("s", [0, hp.uniform("t", 0, 1)])
    space = {"a": hp.choice("a", [s, 1]), "b": hp.choice("b", [s, 1])}
    compiled = compile_space(space)
    for i, p in enumerate(compiled.params):
        assert all(parent < i for part in p.conditions for parent, _ in part)
    assert set(compiled.labels) == {"a", "b", "s", "t"}


def test_huge_integer_ranges_cost_nothing():
    compiled = compile_space([hp.randint("seed", 2**52), hp.choice("c", [0, 1])])
    assert compiled.params[0].args == (0.0, 2.0**52)


def test_a_space_without_hyperparameters():
    compiled = compile_space({"a": 1})
    assert (compiled.params, compiled.evaluate({}), compiled.row_from_vals({})) == (
        (),
        {"a": 1},
        [],
    )
    assert compiled.active_labels({}) == ()


# -- opaque spaces -------------------------------------------------------------------------------


def opaque_space():
    position = scope.int(hp.uniform("u", 0, 2))
    second = hp.choice("c", [0, hp.normal("n", 0, 1)])
    return {"k": scope.switch(position, hp.uniform("x", 0, 1), second)}


def test_a_switch_on_an_expression_is_left_to_python():
    compiled = compile_space(opaque_space())
    assert compiled.opaque
    vals = {"u": 0.5, "x": 0.1, "c": 1, "n": 3.0}
    assert compiled.active_labels(vals) == ("u", "x")
    assert compiled.prune(vals) == {"u": 0.5, "x": 0.1}
    assert compiled.active_labels({**vals, "u": 1.5}) == ("u", "c", "n")
    assert compiled.prune({**vals, "u": 1.5, "c": 0}) == {"u": 1.5, "c": 0}
    with pytest.raises(KeyError, match="u"):
        compiled.active_labels({"x": 1.0})


def test_kwswitch_is_opaque_and_works():
    space = scope.kwswitch(hp.choice("k", ["a", "b"]), a=hp.uniform("x", 0, 1), b=2)
    compiled = compile_space(space)
    assert compiled.opaque
    assert compiled.active_labels({"k": 0}) == ("k", "x")
    assert compiled.active_labels({"k": 1}) == ("k",)
    assert compiled.evaluate({"k": 1}) == 2


def test_choices_that_decide_about_each_other():
    """Through shared nodes: under c=0, a decides whether b exists; under c=1, b about a."""
    b_leaf = hp.randint("b", 2)
    a_leaf = hp.randint("a", 2)
    space = hp.choice("c", [scope.switch(a_leaf, 0, b_leaf), scope.switch(b_leaf, 0, a_leaf)])
    compiled = compile_space(space)
    assert compiled.opaque
    assert compiled.core is not None
    assert set(compiled.active_labels({"c": 0, "a": 0, "b": 1})) == {"c", "a"}
    assert set(compiled.active_labels({"c": 0, "a": 1, "b": 1})) == {"c", "a", "b"}
    assert set(compiled.active_labels({"c": 1, "a": 1, "b": 0})) == {"c", "b"}


def test_too_many_alternatives_are_left_to_python():
    s = hp.uniform("s", 0, 1)
    space = [
        hp.choice(f"a{i}", [hp.choice(f"b{i}", [s, 1]), hp.choice(f"d{i}", [2, s])])
        for i in range(200)
    ]
    compiled = compile_space(space)
    assert compiled.opaque
    vals = {f"{k}{i}": v for i in range(200) for k, v in (("a", 0), ("b", 1), ("d", 0))}
    assert "s" not in compiled.active_labels(vals)
    assert "s" in compiled.active_labels({**vals, "a7": 1, "d7": 1})


@given(data=st.data())
def test_conditions_never_leave_out_what_a_point_needs(data):
    """Random graphs with shared nodes: exact where not opaque, too many where opaque."""
    nodes = [hp.uniform(f"u{i}", 0, 1) for i in range(3)]
    for i in range(data.draw(st.integers(1, 6))):
        pick = st.lists(st.sampled_from([*nodes, i]), min_size=2, max_size=3)
        items = data.draw(pick)
        kind = data.draw(st.sampled_from(["choice", "shared", "opaque", "list"]))
        if kind == "choice":
            nodes.append(hp.choice(f"c{i}", items))
        elif kind == "shared":
            selector = hp.randint(f"r{i}", len(items))
            nodes.append(scope.switch(selector, *items))
            nodes.append(selector)
            nodes.append(scope.switch(selector, *items[::-1]))
        elif kind == "opaque":
            nodes.append(scope.switch(scope.len([0]) * hp.randint(f"o{i}", 2), *items))
        else:
            nodes.append([*items])
    compiled = compile_space(nodes[-1])
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    for _ in range(10):
        vals = {
            p.label: np.int64(rng.integers(int(p.args[1]))) if p.distribution == "randint"
            else np.float64(rng.random())
            for p in compiled.params
        }  # fmt: skip
        row = compiled.row_from_vals(vals)
        for i, p in enumerate(compiled.params):
            if not any(all(row[j] == v for j, v in part) for part in p.conditions):
                row[i] = math.nan
        sampled = set(active_values(compiled, row))
        needed = set(compiled.active_labels(vals))
        assert needed <= sampled
        if not compiled.opaque:
            assert needed == sampled
        pruned = compiled.prune(vals)
        assert compiled.evaluate(pruned) == compiled.evaluate(vals)
        assert set(pruned) == needed


# -- rows and pickles -----------------------------------------------------------------

CLASSIC = {
    "model": hp.choice("m", [{"C": hp.lognormal("C", 0, 1)}, {"d": hp.quniform("d", 1, 9, 1)}]),
    "n": hp.randint("n", 2, 7),
    "p": hp.pchoice("p", [(0.5, "a"), (0.5, "b")]),
}


def test_rows_and_values():
    compiled = compile_space(CLASSIC)
    vals = {"m": np.int64(1), "d": np.float64(3.0), "n": np.int64(6), "p": np.int64(0)}
    row = compiled.row_from_vals(vals)
    assert len(row) == len(compiled.labels)
    assert math.isnan(row[compiled.labels.index("C")])
    for back in (active_values(compiled, row), active_values(compiled, np.array(row))):
        assert back == vals
        assert {k: type(v) for k, v in back.items()} == {k: type(v) for k, v in vals.items()}


def test_rows_from_documents():
    compiled = compile_space(CLASSIC)
    misc_vals = {"m": [1], "d": [3.0], "n": [6], "p": [0], "C": [], "unknown": [5]}
    expected = compiled.row_from_vals({"m": 1, "d": 3.0, "n": 6, "p": 0})
    np.testing.assert_array_equal(compiled.row_from_vals(misc_vals), expected)


def test_the_rust_space_and_its_suggestions():
    from sparktune import _core

    compiled = compile_space(CLASSIC)
    assert compiled.core is compiled.core
    assert list(compiled.core.labels) == list(compiled.labels)
    rows = _core.suggest_random(compiled.core, list(range(50)), 1)
    for row in rows:
        vals = active_values(compiled, row)
        assert set(vals) == set(compiled.active_labels(vals))
        compiled.evaluate(vals)


def test_a_compiled_space_pickles_without_its_rust_part():
    compiled = compile_space(CLASSIC)
    assert compiled.core is not None
    copy = pickle.loads(pickle.dumps(compiled))
    assert "core" not in vars(copy)
    assert copy == compiled
    assert list(copy.core.labels) == list(compiled.labels)


def test_ctrl_marker():
    class Marker:
        pass

    compiled = compile_space([Marker, hp.uniform("x", 0, 1)], ctrl_type=Marker)
    assert compiled.evaluate({"x": 1.0}, "the ctrl") == ("the ctrl", 1.0)
    # Outside of a search there is no ctrl: the constant stands for itself.
    assert evaluate_assignment(compiled, {"x": 1.0}) == (Marker, 1.0)


def test_a_compiled_space_is_not_compiled_again():
    compiled = compile_space(CLASSIC)
    assert compile_space(compiled) is compiled
    assignment = {"m": 1, "d": 3.0, "n": 6, "p": 0}
    assert evaluate_assignment(compiled, assignment) == evaluate_assignment(CLASSIC, assignment)


def test_rows_become_lists_of_scalars():
    compiled = compile_space([hp.qnormal("q", 0, 1, 1), hp.randint("r", 5)])
    for zero in (0.0, -0.0):
        lists = compiled.lists_from_row(np.array([zero, 3.0]))
        assert str(lists["q"]) == f"[np.float64({zero})]"
        assert str(lists["r"]) == "[np.int64(3)]"
    assert compiled.lists_from_row(np.array([math.nan, 0.0])) == {"q": [], "r": [0]}


# -- space_eval ----------------------------------------------------------------------------------


def test_evaluate_assignment_takes_what_trials_hold():
    expected = {"model": {"d": 3.0}, "n": 6, "p": "a"}
    assert evaluate_assignment(CLASSIC, {"m": 1, "d": 3.0, "n": 6, "p": 0}) == expected
    as_documents = {"m": [1], "d": [3.0], "n": [6], "p": [0], "C": []}
    assert evaluate_assignment(CLASSIC, as_documents) == expected


def test_evaluate_assignment_names_what_is_missing():
    with pytest.raises(InvalidArgument, match=r"'d' is missing among \['m', 'n', 'p'\]"):
        evaluate_assignment(CLASSIC, {"m": 1, "n": 6, "p": 0})


def test_a_key_error_of_the_users_function_stays_one():
    space = scope.getitem({"a": 1}, hp.choice("k", ["a", "b"]))
    assert evaluate_assignment(space, {"k": 0}) == 1
    with pytest.raises(KeyError, match="b"):
        evaluate_assignment(space, {"k": 1})
