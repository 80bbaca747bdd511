"""The space language against Hyperopt 0.3.0: the same builder, both libraries, equal answers."""

import types

import hyperopt.pyll
import hyperopt.pyll.stochastic
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hyperopt
import sparktune.hp
from sparktune._space.compile import compile_space, evaluate_assignment
from sparktune._space.draw import sample
from sparktune._space.expr import as_apply, rec_eval, scope
from sparktune._space.program_builder import build_program
from sparktune._worker.program import run_program
from sparktune.exceptions import BadSearchSpaceType, DuplicateLabel

THEIRS = types.SimpleNamespace(hp=hyperopt.hp, scope=hyperopt.pyll.scope)
OURS = types.SimpleNamespace(hp=sparktune.hp, scope=scope)


def active_values(compiled, row):
    lists = compiled.lists_from_row(np.asarray(row))
    return {label: values[0] for label, values in lists.items() if values}


def classic(m):
    """The model-type search that everyone writes."""
    return m.hp.choice(
        "model",
        [
            {"type": "svm", "C": m.hp.lognormal("C", 0, 1.0), "kernel": m.hp.choice(
                "kernel", [{"name": "linear"}, {"name": "rbf", "width": m.hp.lognormal("w", 0, 1)}]
            )},
            {"type": "forest", "trees": m.scope.int(m.hp.qloguniform("trees", 1, 5, 1)),
             "depth": m.scope.int(m.hp.quniform("depth", 1, 12, 1))},
            {"type": "logistic", "penalty": m.hp.pchoice("penalty", [(0.3, "l1"), (0.7, "l2")])},
        ],
    )  # fmt: skip


def all_twelve(m):
    return {
        "a": m.hp.uniform("uniform", -1, 2),
        "b": m.hp.quniform("quniform", 0, 10, 2.5),
        "c": m.hp.loguniform("loguniform", -3, 0),
        "d": m.hp.qloguniform("qloguniform", 0, 3, 1),
        "e": m.hp.normal("normal", 0, 1),
        "f": m.hp.qnormal("qnormal", 0, 10, 1),
        "g": m.hp.lognormal("lognormal", 0, 1),
        "h": m.hp.qlognormal("qlognormal", 0, 1, 1),
        "i": m.hp.randint("randint", 5),
        "j": m.hp.uniformint("uniformint", 1, 9),
        "k": m.hp.choice("choice", ["x", "y", None]),
        "l": m.hp.pchoice("pchoice", [(0.1, 1), (0.2, 2.5), (0.7, (3, 4))]),
    }


def bare(m):
    return m.hp.lognormal("C", 0, 1)


def bare_choice(m):
    return m.hp.choice("a", [("case 1", 1 + m.hp.lognormal("c1", 0, 1)),
                             ("case 2", m.hp.uniform("c2", -10, 10))])  # fmt: skip


def lists_and_tuples(m):
    return [m.hp.uniform("x", 0, 1), (m.hp.normal("y", 0, 1), [1, (2, [3])]), {"z": [], "t": ()}]


def arithmetic(m):
    x, y = m.hp.uniform("x", 1, 2), m.hp.quniform("y", 1, 9, 2)
    return {
        "sum": x + y, "rsum": 1 + x, "diff": x - y, "rdiff": 3 - x, "prod": x * 2, "rprod": 2 * x,
        "quot": x / y, "rquot": 1 / x, "floor": y // 2, "rfloor": 9 // y, "pow": x**2,
        "rpow": 2**x, "neg": -x, "lt": x < y, "ge": x >= y, "log": m.scope.log(x),
        "max": m.scope.max(x, y), "min": m.scope.min(x, y, 0), "item": m.scope.getitem((x, y), 1),
        "exp": m.scope.exp(x), "sqrt": m.scope.sqrt(y), "np": m.scope.maximum(x, y),
    }  # fmt: skip


def shared_everywhere(m):
    shared = m.hp.uniform("shared", 0, 1)
    return {
        "m": m.hp.choice("m", [{"a": shared, "b": m.hp.uniform("b", 0, 1)}, {"a": shared}]),
        "n": m.hp.choice("n", [0, m.hp.choice("o", [1, 2, m.hp.normal("p", 0, 1)])]),
    }


def shared_in_some(m):
    shared = m.hp.loguniform("shared", -5, 0)
    return m.hp.choice("m", [{"a": shared}, {"b": m.hp.uniform("b", 0, 1)}, {"c": shared + 1}])


def choice_in_choice_in_choice(m):
    inner = m.hp.choice("c", ["p", m.hp.randint("q", 7)])
    middle = m.hp.choice("b", [inner, m.hp.quniform("r", -3, 3, 0.5)])
    return {"top": m.hp.choice("a", [0, middle, {"deep": [m.hp.normal("s", 1, 2)]}])}


def randint_offset(m):
    return {"r": m.hp.randint("r", 5, 9), "s": 20 + m.hp.randint("s", 100),
            "t": m.hp.randint("t", -4, -1), "u": m.hp.randint("u", low=2, high=4)}  # fmt: skip


def other_keys(m):
    return {3: m.hp.uniform("x", 0, 1), 1: "one", 2: {(1, 2): m.hp.choice("c", [[1], [2]])}}


def constants(m):
    return {"seed": 123, "none": None, "text": "x", "list": [1, 2.5], "f": np.float64(2),
            "flag": True, "x": m.hp.choice("x", np.arange(1, 15, dtype=int))}  # fmt: skip


def casts(m):
    return {"i": m.scope.int(m.hp.quniform("i", 1, 50, 1)),
            "j": m.scope.int(m.hp.uniform("j", 1, 50) * 2),
            "u": m.hp.uniformint("u", 1, 50), "f": m.scope.float(m.hp.randint("f", 3))}  # fmt: skip


def constant_expressions(m):
    return {"lr": m.hp.loguniform("lr", np.log(1e-5), np.log(1)),
            "x": m.hp.uniform("x", np.float32(0.5), np.int64(3)),
            "k": m.scope.log(10) + m.hp.normal("k", 0, 1)}  # fmt: skip


def pchoice_nested(m):
    return m.hp.pchoice("p", [(0.2, {"a": m.hp.uniform("a", 0, 1)}),
                              (0.8, m.hp.pchoice("q", [(0.5, 1), (0.5, m.hp.normal("b", 0, 1))]))
                              ])  # fmt: skip


SPACES = [
    classic, all_twelve, bare, bare_choice, lists_and_tuples, arithmetic, shared_everywhere,
    shared_in_some, choice_in_choice_in_choice, randint_offset, other_keys, constants, casts,
    constant_expressions, pchoice_nested,
]  # fmt: skip


def same(ours, theirs):
    """Assert equal values *and* types, all the way down."""
    assert type(ours) is type(theirs), (ours, theirs)
    if isinstance(ours, dict):
        assert list(ours) == list(theirs)
        for key in ours:
            same(ours[key], theirs[key])
    elif isinstance(ours, (tuple, list)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
    else:
        assert ours == theirs


def their_trials(space, n=25, seed=7):
    """Points that Hyperopt suggests: the values of the active hyperparameters."""
    domain = hyperopt.Domain(lambda point: 0.0, space)
    trials = hyperopt.Trials()
    docs = hyperopt.rand.suggest(list(range(n)), domain, trials, seed)
    return [{k: v[0] for k, v in doc["misc"]["vals"].items() if v} for doc in docs]


@pytest.mark.parametrize("build", SPACES)
def test_a_sample_with_an_equal_generator_is_equal(build):
    for seed in range(20):
        ours = sample(build(OURS), np.random.default_rng(seed))
        same(ours, hyperopt.pyll.stochastic.sample(build(THEIRS), np.random.default_rng(seed)))


# Bounds given by keyword are kept by position here, which the constructors cannot tell apart.
@pytest.mark.parametrize("build", [b for b in SPACES if b is not randint_offset])
def test_the_graphs_have_the_same_shape(build):
    assert str(as_apply(build(OURS))) == str(hyperopt.pyll.as_apply(build(THEIRS)))


@pytest.mark.parametrize("build", SPACES)
def test_space_eval_and_activity_agree_on_suggested_points(build):
    mine, theirs = build(OURS), build(THEIRS)
    compiled = compile_space(mine)
    assert not compiled.opaque
    for vals in their_trials(theirs):
        expected = hyperopt.space_eval(theirs, vals)
        same(evaluate_assignment(mine, vals), expected)
        same(compiled.evaluate(vals), expected)
        assert set(compiled.active_labels(vals)) == set(vals)
        assert active_by_conditions(compiled, vals) == set(vals)
        row = compiled.row_from_vals(vals)
        back = active_values(compiled, np.array(row))
        assert back == vals
        assert {k: type(v) for k, v in back.items()} == {k: type(v) for k, v in vals.items()}


def active_by_conditions(compiled, vals):
    """Return what the Rust sampler infers from the conditions alone."""
    row = compiled.row_from_vals(vals)
    for i, p in enumerate(compiled.params):
        if not any(all(row[parent] == v for parent, v in part) for part in p.conditions):
            row[i] = float("nan")
    return set(active_values(compiled, row))


@pytest.mark.parametrize("n", [0, 30])
def test_the_dtypes_of_suggested_values(n):
    """Both of Hyperopt's suggesters (n=0: random; n=30: TPE) write these; so do rows."""
    domain = hyperopt.Domain(lambda point: 0.0, all_twelve(THEIRS))
    trials = hyperopt.Trials()
    if n:
        docs = hyperopt.rand.suggest(list(range(n)), domain, trials, 1)
        for doc in docs:
            doc["state"] = hyperopt.JOB_STATE_DONE
            doc["result"] = {"status": "ok", "loss": float(doc["tid"])}
        trials.insert_trial_docs(docs)
        trials.refresh()
    vals = hyperopt.tpe.suggest([99], domain, trials, 3)[0]["misc"]["vals"]
    compiled = compile_space(all_twelve(OURS))
    ours = active_values(compiled, compiled.row_from_vals(vals))
    assert {k: v.dtype for k, v in ours.items()} == {k: v[0].dtype for k, v in vals.items()}
    assert {k for k, v in ours.items() if v.dtype == np.int64} == {"randint", "choice", "pchoice"}


@pytest.mark.parametrize("build", SPACES)
def test_conditions_equal_those_of_hyperopt(build):
    hps = {}
    node = hyperopt.pyll.as_apply(build(THEIRS))
    if any(n.name == "categorical" for n in hyperopt.pyll.dfs(node)):
        # Its simplification fails on pchoice; these spaces do not need it.
        hyperopt.pyll_utils._expr_to_config(node, (), hps)
    else:
        hyperopt.pyll_utils.expr_to_config(node, (), hps)
    theirs = {
        label: {frozenset((c.name, c.val) for c in part) for part in entry["conditions"]}
        for label, entry in hps.items()
    }
    compiled = compile_space(build(OURS))
    ours = {
        p.label: {frozenset((compiled.labels[i], v) for i, v in part) for part in p.conditions}
        for p in compiled.params
    }
    assert ours == theirs


def test_a_label_used_twice_is_refused_by_both():
    def twice(m):
        return m.hp.choice("c", [m.hp.uniform("x", 0, 1), m.hp.uniform("x", 0, 1)])

    with pytest.raises(hyperopt.exceptions.DuplicateLabel):
        hyperopt.Domain(lambda point: 0.0, twice(THEIRS))
    with pytest.raises(DuplicateLabel):
        compile_space(twice(OURS))


@pytest.mark.parametrize("wrap", [lambda n: n, lambda n: {"a": [n]}, lambda n: n + 1])
def test_nodes_of_hyperopt_are_refused_instead_of_taken_for_constants(wrap):
    theirs = wrap(THEIRS.hp.uniform("x", 0, 1))
    with pytest.raises(BadSearchSpaceType, match="Import hp and scope from sparktune"):
        compile_space(theirs)
    with pytest.raises(BadSearchSpaceType, match="Import hp and scope from sparktune"):
        OURS.hp.choice("c", [theirs])


def test_one_node_used_twice_is_one_hyperparameter_in_both():
    def shared(m):
        x = m.hp.uniform("x", 0, 1)
        return [x, x, x * 2]

    assert set(hyperopt.Domain(lambda point: 0.0, shared(THEIRS)).params) == {"x"}
    assert compile_space(shared(OURS)).labels == ("x",)


# -- random spaces -----------------------------------------------------------------------------


def recipes():
    """Draw nested recipes from which a space can be built with each library."""
    leaf = st.one_of(
        st.tuples(st.just("const"), st.sampled_from([0, 1.5, "s", None, True])),
        st.tuples(st.sampled_from(["uniform", "normal", "qlognormal", "randint", "shared"])),
    )
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.tuples(st.just("choice"), st.lists(inner, min_size=1, max_size=3)),
            st.tuples(st.just("pchoice"), st.lists(inner, min_size=1, max_size=3)),
            st.tuples(st.just("list"), st.lists(inner, max_size=3)),
            st.tuples(st.just("tuple"), st.lists(inner, max_size=3)),
            st.tuples(st.just("dict"), st.lists(inner, max_size=3)),
            st.tuples(st.just("pair"), inner),
        ),
        max_leaves=12,
    )


class Builder:
    """Builds a recipe with one library; labels count up, so both libraries get the same."""

    def __init__(self, m):
        self.m = m
        self.count = 0
        self.shared = m.hp.quniform("shared", 0, 10, 1)

    def label(self):
        self.count += 1
        return f"p{self.count}"

    def build(self, recipe):
        kind, *rest = recipe
        hp = self.m.hp
        if kind == "const":
            return rest[0]
        if kind == "shared":
            return self.shared
        if kind == "uniform":
            return hp.uniform(self.label(), -1, 1)
        if kind == "normal":
            return hp.normal(self.label(), 0, 2) * 2 + 1
        if kind == "qlognormal":
            return self.m.scope.int(hp.qlognormal(self.label(), 0, 1, 1))
        if kind == "randint":
            return hp.randint(self.label(), 2, 6)
        if kind == "pair":
            item = self.build(rest[0])
            return {"one": item, "other": (item, 1)}
        items = [self.build(r) for r in rest[0]]
        if kind == "choice":
            return hp.choice(self.label(), items)
        if kind == "pchoice":
            return hp.pchoice(self.label(), [(1 / len(items), item) for item in items])
        if kind == "dict":
            return {f"k{i}": item for i, item in enumerate(items)}
        return items if kind == "list" else tuple(items)


@given(recipe=recipes(), seed=st.integers(0, 2**32 - 1))
def test_random_spaces_evaluate_alike(recipe, seed):
    mine, theirs = Builder(OURS).build(recipe), Builder(THEIRS).build(recipe)
    ours = sample(mine, np.random.default_rng(seed))
    same(ours, hyperopt.pyll.stochastic.sample(theirs, np.random.default_rng(seed)))

    compiled = compile_space(mine)
    rng = np.random.default_rng(seed)
    vals = {}  # all of them: what is inactive must not matter
    for p in compiled.params:
        if p.distribution == "randint":
            vals[p.label] = np.int64(rng.integers(int(p.args[0]), int(p.args[1])))
        elif p.distribution == "categorical":
            vals[p.label] = np.int64(rng.integers(len(p.args)))
        else:
            vals[p.label] = np.float64(rng.integers(0, 9))
    node = hyperopt.pyll.as_apply(theirs)
    memo = {n: vals[n.arg["label"].obj]
            for n in hyperopt.pyll.dfs(node) if n.name == "hyperopt_param"}  # fmt: skip
    expected = hyperopt.pyll.rec_eval(node, memo=memo)
    same(run_program(build_program(mine), vals), expected)
    root = as_apply(mine)
    same(rec_eval(root, memo={n: vals[n.arg["label"].obj]
                              for n in sparktune._space.expr.dfs(root)
                              if n.name == "hyperopt_param"}), expected)  # fmt: skip

    # The conditions say which values matter; dropping the others does not change the point.
    active = set(compiled.active_labels(vals))
    assert active_by_conditions(compiled, vals) == active
    same(compiled.evaluate({k: v for k, v in vals.items() if k in active}), expected)
    for label in active:
        rest = {k: v for k, v in vals.items() if k != label}
        with pytest.raises(KeyError):
            compiled.evaluate(rest)
