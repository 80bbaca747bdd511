"""`TrialHandle`: the folder of a trial, and handles that outlive their trial."""

import copy
import pickle
from pathlib import Path
from types import SimpleNamespace

import cloudpickle
import pytest

from sparktune._search.handles import HandleOptions, Handles
from sparktune._worker.handle import MARKER, TrialHandle

ASKING = SimpleNamespace(takes_trial=True)


def document(tid, **misc):
    return {"tid": tid, "misc": {"tid": tid, **misc}}


@pytest.fixture
def handles():
    made = Handles(ASKING, HandleOptions())
    yield made
    made.close()


def test_a_trial_finds_its_folder_again(handles):
    first = TrialHandle(**handles.data(document(3)))
    assert (first.tid, first.attempt) == (3, 0)
    again = TrialHandle(**handles.data(document(3, attempts=[{}, {}])))
    assert (again.tid, again.attempt) == (3, 2)
    assert first.checkpoint_dir == again.checkpoint_dir
    assert type(first.checkpoint_dir) is str
    assert Path(first.checkpoint_dir).is_dir()
    assert TrialHandle(**handles.data(document(4))).checkpoint_dir != first.checkpoint_dir


def test_a_temporary_folder_goes_with_the_search(handles):
    handle = TrialHandle(**handles.data(document(0)))
    folder = handle.checkpoint_dir
    unused = TrialHandle(**handles.data(document(1)))
    handles.close()
    handles.close()
    assert not Path(folder).exists()
    assert handle.checkpoint_dir == folder
    with pytest.raises(RuntimeError, match="does not see"):
        unused.checkpoint_dir
    assert not Path(folder).parent.exists()


def test_a_given_folder_stays_and_is_found_by_the_next_search(tmp_path):
    options = HandleOptions(checkpoints=str(tmp_path / "journal" / "checkpoints"))
    made = []
    for _ in range(2):
        handles = Handles(ASKING, options)
        made.append(handles.data(document(0)))
        handles.close()
    assert made[0] == made[1]
    assert TrialHandle(**made[0]).checkpoint_dir == f"{options.checkpoints}/0"


def test_nothing_is_made_for_objectives_that_take_no_handle(tmp_path):
    handles = Handles(SimpleNamespace(), HandleOptions(checkpoints=str(tmp_path / "folder")))
    assert handles.data(document(0)) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", ["no folder", "no marker", "another marker"])
@pytest.mark.parametrize("given", [True, False])
def test_a_host_that_does_not_share_the_folder_says_so(tmp_path, there, given):
    handles = Handles(ASKING, HandleOptions(checkpoints=str(tmp_path / "here") if given else None))
    data = handles.data(document(0))
    elsewhere = tmp_path / "elsewhere"  # what the other host has under the same path
    if there != "no folder":
        elsewhere.mkdir()
    if there == "another marker":
        (elsewhere / MARKER).write_text("of another search")
    handle = TrialHandle(**{**data, "root": str(elsewhere)})
    for _ in range(2):
        with pytest.raises(RuntimeError) as caught:
            handle.checkpoint_dir
    message = str(caught.value)
    assert "`trial.checkpoint_dir` needs a folder that the driver and all workers share" in message
    assert repr(str(elsewhere)) in message
    assert ("TMPDIR" in message) is not given
    assert "to a path that all hosts share." in message or "use a path that all hosts" in message
    assert not (elsewhere / "0").exists()
    handles.close()


def test_a_handle_without_a_search_has_a_folder_of_its_own():
    handle = TrialHandle()
    folder = handle.checkpoint_dir
    assert handle.checkpoint_dir == folder
    assert Path(folder).is_dir()
    assert (handle.tid, handle.attempt) == (None, 0)
    del handle
    assert not Path(folder).exists()


@pytest.mark.parametrize("pickler", [pickle, cloudpickle])
def test_a_pickle_of_a_handle_is_a_plain_record(handles, pickler):
    handle = TrialHandle(**handles.data(document(2)))
    assert pickle.loads(pickler.dumps(handle)).checkpoint_dir is None
    folder = handle.checkpoint_dir
    data = pickler.dumps(handle)
    assert b"sparktune._worker" not in data
    record = SimpleNamespace(tid=2, attempt=0, checkpoint_dir=folder)
    assert pickle.loads(data) == record


def test_a_copy_is_the_handle_itself(handles):
    handle = TrialHandle(**handles.data(document(2)))
    assert copy.copy(handle) is handle
    assert copy.deepcopy({"trial": handle})["trial"] is handle
    assert repr(handle) == "TrialHandle(tid=2, attempt=0)"
