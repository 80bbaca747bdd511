"""`Batches`: how many trials go to a worker together."""

import pytest

from sparktune import ProcessTrials
from sparktune._parallel.batches import Batches
from sparktune._parallel.flight import Flight, Landing, Seat
from sparktune._search.runner import Finished
from sparktune.exceptions import (
    InvalidArgument,
    InvalidArgumentType,
    JobFailed,
)

pytestmark = pytest.mark.timeout(60)

FOREVER = 1_000_000


def trial(tid, attempts=0, **vals):
    misc = {"tid": tid, "vals": {k: [v] for k, v in vals.items()}, "idxs": {}}
    misc["attempts"] = [{"reason": "lost"}] * attempts
    return {"tid": tid, "misc": misc, "state": 1}


def tids(seats):
    return [seat.trial["tid"] for seat in seats]


# -- how many --------------------------------------------------------------------------------------


def teach(batches, seconds, cost, size=1, lost=False):
    """Tell batches of a task whose trials took so long."""
    seats = [Seat(trial(n)) for n in range(size)]
    landing = Landing()
    if lost:
        landing.error = JobFailed("gone")
    else:
        landing.ended = [Finished(seat.trial) for seat in seats]
        landing.seconds = [seconds] * size
        landing.cost = cost
    batches.landed(Flight(seats, "tag"), landing)
    batches.clear()


@pytest.mark.parametrize(
    ("seconds", "cost", "size"),
    [
        (0.1, 0.2, 15),  # a task lasts a second and a half at most
        (0.1, 0.02, 4),  # and no longer than needed to make its cost small
        (0.01, 0.001, 2),
        (0.1, 0.001, 1),
        (0.01, 0.2, 100),  # the most
        (0.0, 0.2, 100),
        (3.0, 0.2, 1),
        (0.1, 0.0, 1),
    ],
)
def test_auto_makes_tasks_as_long_as_their_cost_demands(seconds, cost, size):
    batches = Batches("auto", lambda: FOREVER)
    assert batches.size(4) == 1
    for _ in range(12):
        teach(batches, seconds, cost, 4 * batches.size(4))
    teach(batches, seconds, cost, 400)
    assert batches.size(4) == size


def test_auto_starts_no_more_trials_than_have_ended():
    batches = Batches("auto", lambda: FOREVER)
    sizes = []
    for _ in range(9):
        sizes.append(batches.size(4))
        for _ in range(4):
            teach(batches, 0.001, 0.1, sizes[-1])
    assert sizes == [1, 1, 2, 4, 8, 16, 32, 64, 100]


def test_auto_follows_trials_that_get_slower():
    batches = Batches("auto", lambda: FOREVER)
    for _ in range(40):
        teach(batches, 0.001, 0.1, 10)
    assert batches.size(4) == 100
    for _ in range(4):
        teach(batches, 2.0, 0.1, 10)
    assert batches.size(4) == 1


def test_auto_makes_smaller_tasks_after_a_loss_and_larger_ones_again():
    batches = Batches("auto", lambda: FOREVER)
    for _ in range(40):
        teach(batches, 0.001, 0.1, 10)
    teach(batches, 0, 0, 64, lost=True)
    assert batches.size(4) == 32
    teach(batches, 0.001, 0.1, 1)  # one that ran alone says nothing of batches
    assert batches.size(4) == 32
    teach(batches, 0.001, 0.1, 32)
    assert batches.size(4) == 64


@pytest.mark.parametrize("left", [1, 3, 4, 7, 25, 60])
def test_the_last_trials_are_spread_over_the_slots(left):
    """Slots take batches in turn; all of them end within one trial of each other."""
    waiting = list(range(left))
    batches = Batches(10, lambda: len(waiting))
    ends = dict.fromkeys(range(4), 0)
    sizes = []
    while waiting:
        slot = min(ends, key=ends.get)
        while waiting and batches.capacity(1, 4) > 0:
            batches.add(Seat(trial(waiting.pop(0))), 4)
        sizes.append(len(batches.take(1, 4, only_full=False)))
        ends[slot] += sizes[-1]
    assert sum(sizes) == left
    assert max(sizes) <= 10
    assert max(ends.values()) - min(ends.values()) <= 1


def test_free_slots_share_what_starts_together():
    waiting = list(range(6))
    batches = Batches(100, lambda: len(waiting))
    taken = []
    while waiting and batches.capacity(4 - len(taken), 4) > 0:
        batches.add(Seat(trial(waiting.pop(0))), 4)
        if seats := batches.take(4 - len(taken), 4, only_full=True):
            taken.append(tids(seats))
    assert taken == [[0, 1], [2], [3], [4]]
    assert waiting == [5]  # waits for the next free slot


def test_without_a_known_end_all_batches_are_full():
    batches = Batches(5)
    assert batches.capacity(2, 4) == 10
    for n in range(7):
        batches.add(Seat(trial(n)), 4)
        full = batches.take(2, 4, only_full=True)
        assert tids(full) == ([0, 1, 2, 3, 4] if n == 4 else [])
    assert batches.capacity(1, 4) == 3
    assert tids(batches.take(1, 4, only_full=False)) == [5, 6]


@pytest.mark.parametrize("wrong", [0, -1])
def test_a_wrong_number_is_refused(wrong):
    with pytest.raises(InvalidArgument, match=r"`trials_per_task` of ProcessTrials must be at le"):
        ProcessTrials(1, trials_per_task=wrong)


@pytest.mark.parametrize("wrong", [None, 1.5, True, "all", "4", [1]])
def test_a_wrong_type_is_refused(wrong):
    with pytest.raises(InvalidArgumentType, match="`trials_per_task` of ProcessTrials must be"):
        ProcessTrials(1, trials_per_task=wrong)
