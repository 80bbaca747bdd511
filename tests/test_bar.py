"""The tqdm bar: when it is drawn again between two trials."""

import io
import sys

import pytest

from sparktune import progress
from sparktune.progress import Facts, tqdm_progress_callback


class Stream(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self._terminal = terminal

    def isatty(self):
        return self._terminal


each_stream = pytest.mark.parametrize("terminal", [True, False])


def stream_of(monkeypatch, terminal):
    stream = Stream(terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def drawings(stream):
    return stream.getvalue().count("\r")


@each_stream
def test_a_new_text_is_drawn_once(monkeypatch, terminal):
    stream = stream_of(monkeypatch, terminal)
    with tqdm_progress_callback(0, 10) as bar:
        before = drawings(stream)
        bar.postfix = "3/4 busy"
        for _ in range(5):
            bar.show_facts(Facts())
        assert drawings(stream) == before + 1
        assert "3/4 busy" in stream.getvalue()


@each_stream
def test_the_clock_goes_on_in_a_terminal_only(monkeypatch, terminal):
    stream = stream_of(monkeypatch, terminal)
    now = [100.0]

    class Clock:
        monotonic = staticmethod(lambda: now[0])

    monkeypatch.setattr(progress, "time", Clock)
    with tqdm_progress_callback(0, 10) as bar:
        bar.show_facts(Facts())
        before = drawings(stream)
        for _ in range(10):
            now[0] += 0.5
            bar.show_facts(Facts())
        assert drawings(stream) == before + (5 if terminal else 0)
