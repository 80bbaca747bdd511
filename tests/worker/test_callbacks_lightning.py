"""`trial.lightning`: with Lightning itself if it is installed, else with what it needs of it.

PyTorch from PyPI is gigabytes of CUDA, so it is not among the packages for development. The tests
with a stand-in say when the callback reports what, to a trainer that behaves as Lightning 2 does;
those with the real one need ``pip install lightning``.
"""

import logging
import os
import pickle
import re
import sys
import types

import pytest

from sparktune._worker.handle import TrialHandle, TrialPruned

ENDS = ("patience", {"steps": 2, "least": 10, "grace": 0})  # whatever the losses


# -- a stand-in ------------------------------------------------------------------------------------


class Callback:
    """What Lightning's class has for those that do nothing."""

    def setup(self, trainer, pl_module, stage):
        pass

    on_validation_end = on_train_epoch_end = lambda self, trainer, pl_module: None


class Ranks:
    """A strategy whose rank 0 is elsewhere, and says what it is told to say."""

    def __init__(self, *said):
        self.said = list(said)
        self.heard = []

    def broadcast(self, obj, src=0):
        self.heard.append(obj)
        return self.said.pop(0)


class Trainer:
    """Validates after each epoch, if it validates, with the losses 9, 8, 7 and so on."""

    def __init__(self, callback, strategy=None, **facts):
        self.callback, self.strategy = callback, strategy
        self.world_size = 1 if strategy is None else 2
        self.sanity_checking, self.enable_validation = False, True
        self.state = types.SimpleNamespace(fn="fit")
        self.val_check_batch, self.check_val_every_n_epoch = float("inf"), 1
        self.num_training_batches = 10
        self.callback_metrics = {}
        vars(self).update(facts)

    def fit(self, epochs=4):
        self.callback.setup(self, None, "fit")
        for self.current_epoch in range(epochs):
            self.global_step = 10 * (self.current_epoch + 1)
            self.callback_metrics["val_loss"] = 9 - self.current_epoch
            self.callback_metrics["val_acc"] = self.current_epoch / 10
            if self.enable_validation:
                self.callback.on_validation_end(self, None)
            self.callback.on_train_epoch_end(self, None)


@pytest.fixture
def stand_in(monkeypatch):
    for name in ("lightning", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, name, None)
    package = types.ModuleType("lightning")
    package.__spec__ = types.SimpleNamespace()
    monkeypatch.setitem(sys.modules, "lightning", package)
    monkeypatch.setitem(sys.modules, "lightning.pytorch", types.ModuleType("lightning.pytorch"))
    module = types.ModuleType("lightning.pytorch.callbacks")
    module.Callback = Callback
    monkeypatch.setitem(sys.modules, "lightning.pytorch.callbacks", module)
    return module


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("monitor", ["val_loss", "val_acc"])
def test_a_better_metric_is_a_smaller_loss(stand_in, maximize, monitor):
    trial = TrialHandle(sign=-1.0 if maximize else 1.0)
    Trainer(trial.lightning(monitor)).fit()
    losses = [9, 8, 7, 6] if monitor == "val_loss" else [0, -0.1, -0.2, -0.3]
    assert trial._close() == {"steps": [0, 1, 2, 3], "losses": losses}


def test_a_trial_without_prospects_ends(stand_in):
    trial = TrialHandle(rule=ENDS)
    with pytest.raises(TrialPruned, match="at step 2"):
        Trainer(trial.lightning()).fit()


@pytest.mark.parametrize(
    ("facts", "steps"),
    [
        ({"val_check_batch": 10}, [0, 1]),
        ({"num_training_batches": float("inf")}, [0, 1]),
        ({"val_check_batch": 5}, [10, 20]),  # twice per epoch
        ({"val_check_batch": 5, "num_training_batches": float("inf")}, [10, 20]),
        ({"val_check_batch": None}, [10, 20]),  # by the clock
        ({"check_val_every_n_epoch": None, "val_check_batch": 15}, [10, 20]),
        ({"enable_validation": False}, [0, 1]),
    ],
)
def test_steps_are_epochs_unless_these_have_several_validations(stand_in, facts, steps):
    trial = TrialHandle()
    Trainer(trial.lightning(), **facts).fit(2)
    assert trial._close()["steps"] == steps


@pytest.mark.parametrize(
    "facts", [{"sanity_checking": True}, {"state": types.SimpleNamespace(fn="validate")}]
)
def test_only_validation_while_training_counts(stand_in, facts):
    trial = TrialHandle()
    Trainer(trial.lightning(), **facts).fit()
    assert trial._close() is None


def test_a_metric_that_is_not_there(stand_in):
    said = "`monitor` of trial.lightning must be one of 'val_loss', 'val_acc'; got 'val_f1'. Hint: "
    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        Trainer(TrialHandle().lightning("val_f1")).fit()


def test_rank_0_decides_for_all(stand_in):
    """What a rank does that would end by itself, and one that would not."""
    goes_on = Ranks(5.0, False, 6.0, False, 7.0, False, 8.0, False)
    trial = TrialHandle(rule=ENDS)
    Trainer(trial.lightning(), goes_on).fit()
    assert goes_on.heard == [9, False, 8, False, 7, True, 6, True]
    assert trial._close()["losses"] == [5, 6, 7, 8]

    ends = Ranks(5.0, False, 6.0, True)
    trial = TrialHandle()
    with pytest.raises(TrialPruned, match="at step 1"):
        Trainer(trial.lightning(), ends).fit()
    assert (ends.said, trial._pruned) == ([], True)


def test_processes_that_a_strategy_forks_cannot_report(stand_in, monkeypatch):
    callback = TrialHandle().lightning()
    monkeypatch.setattr("os.getpid", lambda: -1)
    with pytest.raises(RuntimeError, match=r"from the process of the trial.* Hint: Trainer\(dev"):
        Trainer(callback).fit()


def test_processes_that_a_strategy_spawns_cannot_report(stand_in, monkeypatch):
    callback = TrialHandle().lightning()
    monkeypatch.setattr("sparktune._worker.callbacks.get_spawning_popen", object)
    with pytest.raises(RuntimeError, match="from the process of the trial"):
        pickle.dumps(callback)


@pytest.mark.parametrize("other", ["pytorch_lightning", "lightning.pytorch"])
def test_the_package_that_the_user_has_imported_counts(stand_in, monkeypatch, other):
    for package in ("pytorch_lightning", "lightning.pytorch"):
        monkeypatch.delitem(sys.modules, f"{package}.callbacks", raising=False)
    module = types.ModuleType(f"{other}.callbacks")
    module.Callback = type("Callback", (), {})
    package = types.ModuleType(other)
    package.__spec__ = types.SimpleNamespace()
    monkeypatch.setitem(sys.modules, other, package)
    monkeypatch.setitem(sys.modules, f"{other}.callbacks", module)
    assert isinstance(TrialHandle().lightning(), module.Callback)


# -- Lightning itself ------------------------------------------------------------------------------


without_advice = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def real():
    pl = pytest.importorskip("lightning.pytorch")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    return pl


def fit(pl, callback, validated=True, **arguments):
    import torch

    class Net(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(3, 1)

        def training_step(self, batch, index):
            loss = ((self.layer(batch[0]) - batch[1]) ** 2).mean()
            self.log("train_loss", loss)
            return loss

        def validation_step(self, batch, index):
            self.log("val_loss", ((self.layer(batch[0]) - batch[1]) ** 2).mean())

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.01)

    X = torch.randn(64, 3)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, X[:, :1]), batch_size=8)
    trainer = pl.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[callback],
        **{"devices": 1, "max_epochs": 4, **arguments},
    )  # fmt: skip
    trainer.fit(Net(), data, data if validated else None)
    trainer.validate(trainer.model, data, verbose=False)  # does not count
    return trainer


@without_advice
def test_real_trials_without_prospects_end(real):
    trial = TrialHandle(rule=ENDS)
    with pytest.raises(TrialPruned):
        fit(real, trial.lightning(), max_epochs=50)
    assert trial._close()["steps"] == [0, 1, 2]


@without_advice
@pytest.mark.parametrize(
    ("arguments", "steps"),
    [
        ({}, [0, 1, 2, 3]),
        ({"check_val_every_n_epoch": 2}, [1, 3]),
        ({"val_check_interval": 0.5, "max_epochs": 2}, [4, 8, 12, 16]),
        ({"check_val_every_n_epoch": None, "val_check_interval": 3, "max_epochs": 1}, [3, 6]),
        ({"monitor": "train_loss", "validated": False}, [0, 1, 2, 3]),
    ],
)
def test_steps_of_a_real_trainer(real, arguments, steps):
    trial = TrialHandle()
    callback = trial.lightning(arguments.pop("monitor", "val_loss"))
    fit(real, callback, **arguments)
    assert trial._close()["steps"] == steps
    assert type(pickle.loads(pickle.dumps(callback))) is real.Callback


@without_advice
@pytest.mark.parametrize(("validated", "listed"), [(True, "'val_loss'"), (False, "'train_loss'")])
def test_a_metric_that_the_model_does_not_log(real, validated, listed):
    with pytest.raises(ValueError, match=rf"must be one of .*{listed}; got 'val_acc'"):
        fit(real, TrialHandle().lightning("val_acc"), validated)


@without_advice
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_real_processes_that_a_strategy_forks_cannot_report(real):
    with pytest.raises(Exception, match="must report from the process of the trial"):
        fit(real, TrialHandle().lightning(), strategy="ddp_fork", devices=2)
