"""`Domain`: an objective and its search space."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from sparktune._search.calls import takes_trial
from sparktune._search.ctrl import Ctrl
from sparktune._search.handles import handle_of
from sparktune._space.compile import CompiledSpace, compile_space
from sparktune._space.expr import (
    Apply,
    GarbageCollected,
    Space,
    as_apply,
    rec_eval,
    scope,
    use_obj_for_literal_in_memo,
)
from sparktune._space.parameters import distribution_of, parameters
from sparktune._trials.documents import STATUS_NEW
from sparktune._trials.results import normalize_result, split_attachments
from sparktune._worker.handle import call_with_handle
from sparktune._worker.program import run_program
from sparktune.exceptions import SparktuneError

__all__ = ["Domain"]


class Domain:
    """An objective and the space of its argument. Can be pickled with cloudpickle.

    Parameters
    ----------
    fn : callable or None
        The objective; None for a domain that only suggests.
    expr : Space or CompiledSpace
        The space: an expression, or dicts, lists and tuples that contain some.
    workdir : str, optional
        Written into the `misc` of new trials.
    pass_expr_memo_ctrl : bool, optional
        Whether `fn` is called as ``fn(expr=, memo=, ctrl=)``. By default as
        `fmin_pass_expr_memo_ctrl` marked it.
    name : str, optional
        A name for people.
    loss_target : float, optional
        The lowest loss that is expected; for suggesters that use it.

    Attributes
    ----------
    expr : Apply
        The space as an expression.
    space : CompiledSpace
        The space as the suggesters use it.
    cmd : tuple
        Written into the `misc` of new trials.
    takes_trial : bool
        Whether the objective also gets a `TrialHandle`, as its parameter `trial`.

    Raises
    ------
    DuplicateLabel
        If two hyperparameters have the same label.
    BadSearchSpace
        If the space is wrong in another way.
    """

    rec_eval_print_node_on_error = False
    takes_trial = False  # of old pickles
    # A literal in a space that is the class Ctrl stands for the Ctrl of the evaluation.
    pyll_ctrl = as_apply(Ctrl)

    def __init__(
        self,
        fn: Callable[..., Any] | None,
        expr: Space | CompiledSpace,
        workdir: str | None = None,
        pass_expr_memo_ctrl: bool | None = None,
        name: str | None = None,
        loss_target: float | None = None,
    ) -> None:
        self.fn = fn
        self.pass_expr_memo_ctrl: bool = (
            getattr(fn, "fmin_pass_expr_memo_ctrl", False)
            if pass_expr_memo_ctrl is None
            else pass_expr_memo_ctrl
        )
        self.takes_trial = not self.pass_expr_memo_ctrl and fn is not None and takes_trial(fn)
        self.space = compile_space(expr, ctrl_type=Ctrl)
        self.expr = self.space.expr
        self.workdir = workdir
        self.name = name
        self.loss_target = loss_target
        self.cmd = ("domain_attachment", "FMinIter_Domain")

    @cached_property
    def _param_nodes(self) -> dict[str, Apply]:
        return parameters(self.expr)

    @property
    def params(self) -> dict[str, Apply]:
        """The distribution of each hyperparameter, by label."""
        return {label: distribution_of(node) for label, node in self._param_nodes.items()}

    @cached_property
    def _draw(self) -> tuple[Apply, Apply, Apply]:
        ids, rng = as_apply("new_ids"), as_apply("rng")
        return ids, rng, scope.draw_idxs_vals(self, ids, rng)

    @property
    def s_new_ids(self) -> Apply:
        """The node of `s_idxs_vals` for which a memo gives the ids of new trials."""
        return self._draw[0]

    @property
    def s_rng(self) -> Apply:
        """The node of `s_idxs_vals` for which a memo gives a numpy Generator or RandomState."""
        return self._draw[1]

    @property
    def s_idxs_vals(self) -> Apply:
        """A node that draws new trials from the prior; suggesters of other packages start from it.

        ``pyll.rec_eval(domain.s_idxs_vals, memo={domain.s_new_ids: ids, domain.s_rng: rng})`` gives
        the pair (idxs, vals) that `miscs_update_idxs_vals` takes.
        """
        return self._draw[2]

    def __getstate__(self) -> dict[str, Any]:
        # The compiled space belongs to this process, and is rebuilt from the expression.
        dropped = ("space", "_param_nodes", "_draw")
        return {key: value for key, value in self.__dict__.items() if key not in dropped}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.space = compile_space(self.expr, ctrl_type=Ctrl)

    def memo_from_config(self, config: Mapping[str, Any]) -> dict[Any, Any]:
        """Return a memo with which `rec_eval` builds the point from values.

        Parameters
        ----------
        config : mapping of str to scalar
            Values by label. Hyperparameters without one must not be needed.
        """
        return {
            node: config.get(label, GarbageCollected) for label, node in self._param_nodes.items()
        }

    def evaluate(
        self, config: Mapping[str, Any], ctrl: Ctrl, attach_attachments: bool = True
    ) -> dict[str, Any]:
        """Build the point and call the objective.

        Parameters
        ----------
        config : mapping of str to scalar
            Values of the active hyperparameters by label.
        ctrl : Ctrl
            For the objective's attachments, and for objectives that ask for it.
        attach_attachments : bool, default True
            Whether to move `attachments` from the result to ``ctrl.attachments``.

        Returns
        -------
        dict
            The result; see `sparktune._trials.results.normalize_result`.

        Raises
        ------
        InvalidResult
            If the objective returned something that is not a result.
        """
        __tracebackhide__ = True
        if self.fn is None:
            raise SparktuneError("This Domain has no objective (`fn` is None) to evaluate.")
        if self.pass_expr_memo_ctrl or self.rec_eval_print_node_on_error:
            memo = self.memo_from_config(config)
            use_obj_for_literal_in_memo(self.expr, ctrl, Ctrl, memo)
            if self.pass_expr_memo_ctrl:
                rval = self.fn(expr=self.expr, memo=memo, ctrl=ctrl)
            else:  # slower, but the error names the node of the expression that failed
                rval = self._call(rec_eval(self.expr, memo=memo, print_node_on_error=True), ctrl)
        else:
            rval = self._call(run_program(self.space.program, config, ctrl), ctrl)
        result = normalize_result(rval)
        if attach_attachments:
            for name, value in split_attachments(result).items():
                ctrl.attachments[name] = value
        return result

    def _call(self, point: Any, ctrl: Any) -> Any:
        __tracebackhide__ = True
        assert self.fn is not None
        if not self.takes_trial:
            return self.fn(point)
        return call_with_handle(self.fn, point, handle_of(ctrl))

    def short_str(self) -> str:
        """Return a short description for messages."""
        return f"Domain{{{self.fn}}}"

    def loss(self, result: Mapping[str, Any], config: Any = None) -> Any:
        """Return the loss in a result, None if there is none."""
        return result.get("loss")

    def loss_variance(self, result: Mapping[str, Any], config: Any = None) -> Any:
        """Return the variance of the loss, by default 0."""
        return result.get("loss_variance", 0.0)

    def true_loss(self, result: Mapping[str, Any], config: Any = None) -> Any:
        """Return the true loss, by default the loss."""
        return result["true_loss"] if "true_loss" in result else self.loss(result, config)

    def true_loss_variance(self, config: Any = None) -> Any:
        """Raise `NotImplementedError`; a subclass may define it."""
        raise NotImplementedError("A subclass of Domain has to define true_loss_variance.")

    def status(self, result: Mapping[str, Any], config: Any = None) -> Any:
        """Return the status in a result."""
        return result["status"]

    def new_result(self) -> dict[str, Any]:
        """Return the result of a trial that has not started."""
        return {"status": STATUS_NEW}
