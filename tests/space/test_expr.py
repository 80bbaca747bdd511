"""Nodes, scope, walks and evaluation."""

import io
import pickle

import numpy as np
import pytest

from sparktune import hp
from sparktune._space.draw import as_generator, recursive_set_rng_kwarg, sample
from sparktune._space.expr import (
    Apply,
    GarbageCollected,
    Lambda,
    Literal,
    MissingArgument,
    PyllImportError,
    SymbolTable,
    apply,
    as_apply,
    clone,
    clone_merge,
    dfs,
    p0,
    p1,
    partial,
    rec_eval,
    scope,
    toposort,
)
from sparktune.exceptions import BadSearchSpace, InvalidArgumentType
from sparktune.pyll import base as pyll_base
from sparktune.pyll import stochastic as pyll_stochastic


@pytest.fixture
def define():
    """Define scope functions that are removed after the test."""
    names = []

    def _define(f, **kwargs):
        names.append(f.__name__)
        return scope.define(f, **kwargs)

    yield _define
    for name in names:
        if name in scope._impls:
            scope.undefine(name)


# -- building ----------------------------------------------------------------------------------


def test_containers_become_nodes_that_evaluate_to_tuples_and_dicts():
    value = rec_eval({"a": [1, (2, [3])], "b": {"c": ()}})
    assert value == {"a": (1, (2, (3,))), "b": {"c": ()}}


def test_string_keys_are_sorted_and_named():
    node = as_apply({"b": 1, "a": 2})
    assert (node.name, [k for k, _ in node.named_args], len(node)) == ("dict", ["a", "b"], 2)


@pytest.mark.parametrize("keys", [(2, 1), ("a", 1), ((1, 2), None), (1.5, "b", (3,))])
def test_keys_of_any_types_do_not_crash(keys):
    assert rec_eval({k: i for i, k in enumerate(keys)}) == {k: i for i, k in enumerate(keys)}


def test_a_node_is_left_as_it_is():
    node = Literal(1)
    assert as_apply(node) is node


def test_equality_is_identity_so_that_nodes_can_be_keys():
    a, b = Literal(1), Literal(1)
    assert a != b
    assert {a: 1, b: 2}[a] == 1


@pytest.mark.parametrize("node", [Literal(3), hp.uniform("x", 0, 1), scope.int(2)])
def test_a_node_without_length_is_neither_iterable_nor_true_or_false(node):
    with pytest.raises(TypeError, match="no length"):
        list(node)
    with pytest.raises(TypeError, match="no length"):
        bool(node)


def test_unpacking_by_o_len(define):
    def two(x):
        return x, x + 1

    define(two, o_len=2)
    a, b = scope.two(4)
    assert rec_eval(a * 10 + b) == 45
    with pytest.raises(IndexError):
        scope.two(4)[2]


def test_numpy_scalars_and_arrays_leave_operators_to_nodes():
    x = Literal(3.0)
    for node in (np.float64(2) * x, np.int64(2) * x):
        assert isinstance(node, Apply)
        assert rec_eval(node) == 6.0
    assert rec_eval(np.array([1.0, 2.0]) * x).tolist() == [3.0, 6.0]


def test_call_and_getitem():
    assert rec_eval(scope.call_method("a-b", "split", "-")) == ["a", "b"]
    assert rec_eval(as_apply({"k": 5})["k"]) == 5
    assert rec_eval(Literal(max)(3, 4)) == 4
    assert rec_eval(scope.getattr(Literal(1 + 2j), "imag")) == 2.0


def test_kwswitch_picks_by_name_and_only_that():
    node = scope.kwswitch("b", a=scope.Raise(RuntimeError, "not this one"), b=2)
    assert rec_eval(node) == 2


def test_raise():
    with pytest.raises(RuntimeError, match="boom"):
        rec_eval(scope.Raise(RuntimeError, "boom"), print_node_on_error=False)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (scope.len([1, 2, 3]), 3),
        (scope.max(1, 5, 2), 5),
        (scope.sum([1, 2, 3]), 6),
        (scope.sum([[1, 2], [3, 4]], axis=0).__getitem__(1), 6),
        (scope.pow(2, 10), 1024),
        (scope.sqrt(16), 4.0),
        (scope.minimum(3, 2), 2),
        (scope.identity("x"), "x"),
        (scope.repeat(2, "x"), ["x", "x"]),
        (scope.str_join("-", ["a", "b"]), "a-b"),
        (scope.list(scope.range(3)), [0, 1, 2]),
        (scope.list(scope.array_union([3, 1], [1, 2])), [1, 2, 3]),
        (scope.callpipe1([abs, float], -3), 3.0),
        (scope.map(abs, [-1, 2]), [1, 2]),
        (scope.dict([["a", 1]], b=2), {"a": 1, "b": 2}),
        (scope.copy_call_method_pure([2, 1], "index", 1), 1),
        (scope.switch(1, "a", "b"), "b"),
        (scope.eq(1, 1), True),
    ],
)
def test_scope_functions(node, expected):
    assert rec_eval(node) == expected


# -- scope -------------------------------------------------------------------------------------


def test_define_and_undefine(define):
    @define
    def triple(x, extra=0):
        return 3 * x + extra

    assert rec_eval(scope.triple(2, extra=1)) == 7
    scope.undefine("triple")
    with pytest.raises(AttributeError, match=r"scope has no function 'triple'.*scope\.define"):
        _ = scope.triple


def test_a_taken_name_is_refused():
    def uniform(low, high):
        return low

    with pytest.raises(ValueError, match="already defined"):
        scope.define(uniform)
    with pytest.raises(ValueError, match="already defined"):
        scope.define_if_new(uniform)


def test_a_notebook_cell_may_run_again(define):
    def make(k):
        def cell(x):
            return x * k

        return cell

    define(make(2))
    define(make(3))
    assert rec_eval(scope.cell(5)) == 15


def test_import_and_inject():
    names = {}
    scope.import_(names, "exp", logarithm="log")
    assert set(names) == {"exp", "logarithm"}
    assert rec_eval(names["logarithm"](names["exp"](2.0))) == 2.0
    with pytest.raises(PyllImportError):
        scope.inject("no_such_function")


def test_define_variants():
    table = SymbolTable()
    table.define_pure(abs)
    assert table.abs.pure
    table.define_info(o_len=2)(divmod)
    assert table.divmod.o_len == 2
    assert table.define_if_new(abs) is abs


# -- what frameworks do with nodes ---------------------------------------------------------------


def test_arg_gives_inputs_by_parameter_name():
    node = hp.randint("r", 3).pos_args[0]
    assert node.name == "hyperopt_param"
    assert node.arg["label"].obj == "r"
    inner = node.arg["obj"]
    assert inner.arg["low"].obj == 3
    assert inner.arg["high"] is MissingArgument
    assert inner.pos_args[0].obj == 3


def test_set_kwarg_replace_input_and_clone_from_inputs(define):
    @define
    def f(a, b=1, c=2):
        return a, b, c

    node = scope.f(0)
    node.set_kwarg("c", 9)
    node.set_kwarg("b", 8)
    node.set_kwarg("b", 7)
    assert rec_eval(node) == (0, 7, 9)
    with pytest.raises(NotImplementedError):
        node.set_kwarg("a", 1)
    assert node.replace_input(node.pos_args[0], Literal(5)) == [0]
    assert node.replace_input(node.named_args[1][1], Literal(6)) == [2]
    assert rec_eval(node) == (5, 7, 6)
    assert rec_eval(node.clone_from_inputs([Literal(i) for i in (1, 2, 3)])) == (1, 2, 3)
    with pytest.raises(TypeError, match="3 inputs"):
        node.clone_from_inputs([])


def test_inputs_must_be_nodes():
    with pytest.raises(TypeError, match="as_apply"):
        Apply("add", [1, 2], [])


def test_pprint_shows_shared_nodes_once():
    x = hp.uniform("x", 0, 1)
    out = io.StringIO()
    as_apply([x, x]).pprint(out)
    assert out.getvalue().splitlines() == [
        "0 pos_args", "1   float", "2     hyperopt_param", "3       Literal{x}",
        "4       uniform", "5         Literal{0}", "6         Literal{1}", "7   float  [line:1]",
    ]  # fmt: skip


def test_eval_method_with_a_memo_by_id():
    a = Literal(2)
    assert (a + 3).eval() == 5
    assert (a + 3).eval({id(a): 10}) == 13
    assert a.eval() == 2
    assert a.eval({id(a): 4}) == 4


def test_nodes_pickle_and_forget_where_they_were_made():
    node = hp.choice("c", [1, hp.uniform("x", 0, 1)])
    copy = pickle.loads(pickle.dumps(node))
    assert str(copy) == str(node)
    assert node.pos_args[0].made_at is not None
    assert copy.pos_args[0].made_at is None


def test_define_params_travel_with_the_pickle():
    node = Apply("_late", [Literal(1)], [], define_params={"f": _late})
    data = pickle.dumps(node)
    assert "_late" not in scope._impls
    try:
        assert rec_eval(pickle.loads(data)) == "late 1"
    finally:
        scope.undefine("_late")


def _late(x):
    return f"late {x}"


def test_pyll_modules_reexport():
    assert pyll_base.rec_eval is rec_eval
    assert pyll_base.scope is scope
    assert pyll_stochastic.sample is sample


# -- walks -------------------------------------------------------------------------------------


def test_dfs_lists_inputs_first_and_each_node_once():
    a, b = Literal(1), Literal(2)
    c = a + b
    d = scope.mul(c, c)
    assert dfs(d) == [a, b, c, d]
    assert toposort(d) == [a, b, c, d]


def test_toposort_refuses_cycles():
    node = scope.identity(scope.identity(1))
    node.pos_args[0].pos_args[0] = node
    with pytest.raises(BadSearchSpace, match="contain itself"):
        toposort(node)


@pytest.mark.timeout(60)
def test_rec_eval_of_an_endless_graph_ends():
    node = scope.identity(1)
    node.pos_args[0] = node
    with pytest.raises(RuntimeError, match="endless"):
        rec_eval(node, max_program_len=1000)


def test_clone_copies_all_but_what_the_memo_replaces():
    a, b = Literal(1), Literal(2)
    node = a + b
    copy = clone(node, {a: Literal(10)})
    assert rec_eval(copy) == 12
    assert not set(dfs(copy)) & set(dfs(node))


def test_clone_merge_makes_equal_pure_calls_one():
    a = Literal(1)
    node = scope.add(scope.neg(scope.exp(a)), scope.neg(scope.exp(a)))
    assert len(dfs(clone_merge(node))) == 4
    two = scope.add(Literal(1), Literal(1))
    assert len(dfs(clone_merge(two))) == 3
    assert len(dfs(clone_merge(two, merge_literals=True))) == 2
    assert len(dfs(clone_merge(scope.add(Literal([]), Literal([])), merge_literals=True))) == 3


def test_deep_graphs_are_no_trouble():
    node = as_apply(0)
    for _ in range(5000):
        node = node + 1
    assert rec_eval(node) == 5000
    assert len(toposort(node)) == 10_001
    assert rec_eval(clone(node)) == 5000
    assert node.eval() == 5000
    assert str(node).startswith("0 add\n")


# -- evaluation --------------------------------------------------------------------------------


def test_memo_takes_the_place_of_nodes():
    x = hp.uniform("x", 0, 1)
    param = x.pos_args[0]
    memo = {param: 0.25}
    assert rec_eval([x, x + 1], memo=memo) == (0.25, 1.25)
    assert memo == {param: 0.25}


def test_a_value_that_is_not_there_is_named():
    x = hp.uniform("x", 0, 1)
    with pytest.raises(KeyError, match="x"):
        rec_eval(x, memo={x.pos_args[0]: GarbageCollected})


def test_only_the_chosen_branch_runs():
    node = hp.choice("c", [1, scope.Raise(RuntimeError, "lazy")])
    assert rec_eval(node, memo={node.pos_args[0]: np.array(0)}) == 1


@pytest.mark.parametrize(
    ("position", "error"), [(0.5, TypeError), ("0", TypeError), (-1, ValueError), (2, IndexError)]
)
def test_positions_are_checked(position, error):
    with pytest.raises(error, match="value of a choice"):
        rec_eval(scope.switch(position, "a", "b"))


def test_what_a_function_returns_is_evaluated_again(define):
    @define
    def later(x):
        return scope.add(x, 1)

    assert rec_eval(scope.later(3)) == 4


def test_lambda_and_partial():
    f = Lambda("ignored", [("x", p0), ("y", p1)], p0 * 10 + p1)
    assert rec_eval(f(2, 3)) == 23
    with pytest.raises(NotImplementedError, match="it takes 2; got 1"):
        f(1)
    with pytest.raises(TypeError, match="takes 2 arguments"):
        f(1, 2, 3)
    add5 = partial("add", 5)
    also = partial(scope.mul, 5)
    try:
        assert rec_eval(add5(2)) == 7
        assert rec_eval(scope.map(scope._impls[also.apply_name], [1, 2])) == [5, 10]
    finally:
        scope.undefine(add5.apply_name)
        scope.undefine(also.apply_name)
    assert rec_eval(apply("add", 1, 2)) == 3


def test_deepcopy_inputs_protects_constants(define):
    @define
    def grow(x):
        x.append(1)
        return len(x)

    items = []
    assert rec_eval(scope.grow(Literal(items)), deepcopy_inputs=True) == 1
    assert items == []
    with pytest.raises(ValueError, match="memo=memo"):
        rec_eval(scope.len([]), {})


def test_a_failing_function_is_logged_with_its_inputs(caplog):
    with pytest.raises(ZeroDivisionError):
        rec_eval(scope.truediv(1, 0))
    assert "scope.truediv raised ZeroDivisionError" in caplog.text
    caplog.clear()
    with pytest.raises(ZeroDivisionError):
        rec_eval(scope.truediv(1, 0), print_node_on_error=False)
    assert caplog.text == ""


# -- sampling ----------------------------------------------------------------------------------

SPACE = {"x": hp.uniform("x", 0, 1), "c": hp.choice("c", ["a", hp.normal("n", 0, 1)])}


def test_sample_takes_any_source_of_randomness():
    assert sample(SPACE, 3) == sample(SPACE, np.random.default_rng(3))
    state = np.random.RandomState(3)
    first, second = sample(SPACE, state), sample(SPACE, state)
    assert first != second
    assert first == sample(SPACE, np.random.RandomState(3))
    assert set(sample(SPACE)) == {"x", "c"}


@pytest.mark.parametrize("bad", ["1", 1.5, True, -1, [1]])
def test_other_sources_are_refused(bad):
    with pytest.raises(InvalidArgumentType, match="`rng` must be"):
        as_generator(bad)


def test_sampling_leaves_the_space_as_it_was():
    before = str(as_apply(SPACE))
    sample(SPACE, 0)
    assert str(as_apply(SPACE)) == before


def test_unlabelled_draws_work_in_sample_only():
    node = scope.choice([scope.float(scope.uniform(0, 1)), scope.one_of(5, 6)])
    assert {type(sample(node, s)) for s in range(20)} == {float, int}
    with pytest.raises(BadSearchSpace, match=r"hp\.uniform\('a label', \.\.\.\)"):
        rec_eval(scope.uniform(0, 1), print_node_on_error=False)


def test_categorical_draws_positions():
    node = recursive_set_rng_kwarg(scope.categorical([0.2, 0.3, 0.5], size=1000), 0)
    counts = np.bincount(rec_eval(node), minlength=3)
    assert counts.sum() == 1000
    assert np.abs(counts / 1000 - [0.2, 0.3, 0.5]).max() < 0.06
    off = recursive_set_rng_kwarg(scope.categorical([0.5, 0.5 + 1e-7]), 0)
    assert rec_eval(off).shape == (1,)
    assert rec_eval(recursive_set_rng_kwarg(scope.categorical([[0.0, 1.0]]), 0)).tolist() == [1]
    with pytest.raises(BadSearchSpace, match="one list"):
        rec_eval(recursive_set_rng_kwarg(scope.categorical([[0.5, 0.5]] * 2), 0),
                 print_node_on_error=False)  # fmt: skip


def test_randint_via_categorical_and_rng_from_seed():
    rng = scope.rng_from_seed(4)
    assert rec_eval(scope.randint_via_categorical([0.0, 1.0], rng=rng)).tolist() == [1]
