"""The bar on a terminal and in a log file."""

from __future__ import annotations

import io
import sys

import pytest

from mcoe.core import progress
from mcoe.core.progress import Bar


class Screen(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def on(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> Screen:
    screen = Screen(terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "REDRAW_S", 0.0)
    return screen


def test_a_terminal_sees_the_bar_grow_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on(monkeypatch, terminal=True)
    with Bar("packing", 4) as bar:
        bar.step()
        bar.reach(4, "nearly")
    drawn = screen.getvalue().split("\r\x1b[K")
    assert "packing" in drawn[1] and "1/4" in drawn[1] and drawn[1].count("█") == 6
    assert "4/4" in drawn[2] and drawn[2].count("█") == 24 and drawn[2].endswith("nearly")
    assert drawn[-1] == ""


def test_a_log_file_gets_a_line_now_and_then_and_one_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on(monkeypatch, terminal=False)
    with Bar("takes", 100, done=10) as bar:
        bar.reach(20)
        assert screen.getvalue() == ""
        monkeypatch.setattr(progress, "LINE_S", 0.0)
        bar.reach(30)
        assert screen.getvalue().startswith("takes: 30/100, ")
        monkeypatch.undo()
        monkeypatch.setattr(sys, "stderr", screen)
        bar.reach(100)
    assert screen.getvalue().splitlines()[-1].startswith("takes: 100/100 in ")
    assert "\x1b" not in screen.getvalue()


def test_silent_where_it_is_not_shown_and_without_an_end_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on(monkeypatch, terminal=False)
    monkeypatch.setattr(progress, "LINE_S", 0.0)
    with Bar("epoch", 2, shown=False) as bar:
        bar.step()
    assert screen.getvalue() == ""
    monkeypatch.setattr(progress, "LINE_S", 60.0)
    with pytest.raises(KeyError), Bar("epoch", 2) as bar:
        bar.step()
        raise KeyError
    assert screen.getvalue() == ""
