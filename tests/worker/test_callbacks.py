"""What the callbacks for frameworks have in common."""

import sys

import pytest

from sparktune._worker.callbacks import _larger_is_better
from sparktune._worker.handle import TrialHandle


@pytest.mark.parametrize("method", ["xgboost", "keras", "lightning"])
def test_a_framework_that_is_not_installed(method, monkeypatch):
    for name in ("xgboost", "keras", "lightning", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError) as caught:
        getattr(TrialHandle(), method)()
    assert str(caught.value) == (
        f"trial.{method} needs {method}, which is not installed for {sys.executable}. Hint: pip "
        f"install {method} where the trials run."
    )
    assert caught.value.name == method


@pytest.mark.parametrize(
    ("metric", "score"),
    [
        *[(name, True) for name in ("val_acc", "val/acc1", "val_sparse_categorical_accuracy")],
        *[(name, True) for name in ("val_f1_score", "r2_score", "BinaryAUROC", "BinaryF1Score")],
        *[(name, True) for name in ("val_precision_1", "mean_iou", "interval-regression-accuracy")],
        *[(name, False) for name in ("val_loss", "loss", "val_mean_squared_error", "VAL_MAE")],
        *[(name, False) for name in ("val_binary_crossentropy", "log_loss", "merror")],
        *[(name, None) for name in ("val_x", "f1_loss", "brier_score", "temperature", "class", "")],
    ],
)  # fmt: skip
def test_what_the_name_of_a_metric_tells(metric, score):
    if score is None:
        with pytest.raises(ValueError, match="does not tell"):
            _larger_is_better("keras", metric, "auto")
    else:
        assert _larger_is_better("keras", metric, "auto") is score
    assert _larger_is_better("keras", metric, "max")
    assert not _larger_is_better("keras", metric, "min")


@pytest.mark.parametrize("method", ["xgboost", "keras", "lightning"])
def test_what_an_installed_framework_lacks_is_said_by_itself(method, monkeypatch, tmp_path):
    """It must not look as if the framework were not installed."""
    package = tmp_path / method
    package.mkdir()
    (package / "__init__.py").write_text("import a_module_that_is_nowhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [*sys.modules]:
        if name.partition(".")[0] in (method, "pytorch_lightning"):
            monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ModuleNotFoundError, match="'a_module_that_is_nowhere'"):
        getattr(TrialHandle(), method)()
