"""`loss_of_score`: what lets an objective return a score, which is better the higher it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["loss_of_score"]


def loss_of_score(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call an objective that returns a score; return a result whose `loss` is its negative.

    Whatever is neither a number nor a dict is returned as it is: the search says what is wrong.
    """
    answer = fn(*args, **kwargs)
    if isinstance(answer, Mapping):
        result = dict(answer)
        if "score" not in result:
            if result.get("status") == "ok":
                raise ValueError(
                    "With `maximize=True` the objective must return its score, or a dict with the "
                    f"key 'score'; got a dict with {sorted(map(str, result))}."
                )
            return result
        score = result["score"]
        result.setdefault("status", "ok")
    else:
        result, score = {"status": "ok"}, answer
    try:
        value = float(score)
    except (TypeError, ValueError):
        return answer
    return {**result, "loss": -value, "score": value}
