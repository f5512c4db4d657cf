"""The log: where it lies, what gets into it, who hears of it, and that it never fails the program."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcoe.core import log
from mcoe.core.log import LoggedError, log_file, start_log, stop_log, subscribe

ours = logging.getLogger("mcoe.somewhere")


@pytest.fixture(autouse=True)
def stopped() -> Iterator[None]:
    yield
    stop_log()


def text(folder: Path) -> str:
    return (folder / "mcoe-live.log").read_text()


def test_it_lies_in_the_state_folder_from_the_first_record_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert log_file() is None
    start_log()
    assert log_file() == tmp_path / "mcoe-live" / "mcoe-live.log"
    assert not any(tmp_path.iterdir())
    ours.info("a camera was opened")
    lines = text(tmp_path / "mcoe-live").splitlines()
    assert "Python" in lines[0] and "mcoe-live" in lines[0]
    assert lines[1].endswith("INFO mcoe.somewhere [MainThread] a camera was opened")
    assert (tmp_path / "mcoe-live" / "mcoe-live.log").stat().st_mode & 0o777 == 0o600


def test_levels_of_file_and_screen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start_log("info", tmp_path)
    ours.debug("too fine")
    ours.info("for the file")
    ours.warning("for both")
    logging.getLogger("somebody.else").info("not ours")
    logging.getLogger("somebody.else").warning("theirs, but serious")
    kept = text(tmp_path)
    assert "too fine" not in kept and "not ours" not in kept
    assert all(words in kept for words in ("for the file", "for both", "theirs, but serious"))
    assert capsys.readouterr().err.splitlines() == ["mcoe-live: for both", "mcoe-live: theirs, but serious"]
    start_log("debug", tmp_path)
    ours.debug("fine enough")
    assert "fine enough" in text(tmp_path)
    start_log("error", tmp_path / "quiet")
    ours.warning("for the screen only")
    assert not (tmp_path / "quiet").exists()
    assert "for the screen only" in capsys.readouterr().err


def test_it_is_set_aside_when_it_grows_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LARGEST", 2_000)
    start_log("info", tmp_path)
    for i in range(200):
        ours.info("line %d of many", i)
    kept = sorted(p.name for p in tmp_path.iterdir())
    assert kept == ["mcoe-live.log", "mcoe-live.log.1", "mcoe-live.log.2"]
    assert all(p.stat().st_mode & 0o777 == 0o600 and p.stat().st_size <= 2_100 for p in tmp_path.iterdir())
    assert "line 199 of many" in text(tmp_path)


def test_a_folder_that_cannot_be_written_is_told_of_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    start_log("info", tmp_path / "file")
    for _ in range(3):
        ours.info("lost")
    ours.error("not lost")
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and "no log is kept" in said[0] and str(tmp_path / "file") in said[0]
    assert said[1] == "mcoe-live: not lost"
    assert log_file() is None


def test_listeners_hear_of_errors_in_any_thread_and_one_that_fails_harms_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heard: list[LoggedError] = []

    def fail(error: LoggedError) -> None:
        raise KeyError("a listener's own fault")

    ends = [subscribe(fail), subscribe(heard.append)]
    try:
        start_log("info", tmp_path)
        ours.warning("no error")

        def work() -> None:
            try:
                raise ValueError("broken")
            except ValueError:
                ours.exception("It broke")

        thread = threading.Thread(target=work, name="inference")
        thread.start()
        thread.join()
    finally:
        for end in ends:
            end()
    ours.error("nobody listens any more")
    assert [(h.message, h.thread) for h in heard] == [("It broke", "inference")]
    assert "ValueError: broken" in heard[0].detail and "in work" in heard[0].detail
    assert "a listener's own fault" in capsys.readouterr().err


FAULTS = {
    "main": "raise OSError('in the main thread')",
    "thread": "t = threading.Thread(target=lambda: {}['in a thread'], name='reader'); t.start(); t.join()",
    "finaliser": "class A:\n  def __del__(self): raise OSError('in a finaliser')\nA()",
    "interrupted": "raise KeyboardInterrupt",
}


@pytest.mark.parametrize("where", FAULTS)
def test_uncaught_exceptions_are_logged_and_printed_once(tmp_path: Path, where: str) -> None:
    begin = "import sys, threading; from pathlib import Path; from mcoe.core.log import start_log\n"
    begin += "start_log('info', Path(sys.argv[1]))\n"
    done = subprocess.run(
        [sys.executable, "-c", begin + FAULTS[where], str(tmp_path)],
        capture_output=True, text=True, check=False, timeout=60,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.stderr.count("Traceback") == 1
    if where == "interrupted":
        assert not any(tmp_path.iterdir())
        return
    kept = text(tmp_path)
    assert "Traceback" in kept and "ERROR" in kept
    told = {"main": "in the main thread", "thread": "in a thread", "finaliser": "in a finaliser"}[where]
    assert told in kept
    if where == "thread":
        assert "reader" in kept


def test_hooks_and_levels_are_handed_back() -> None:
    before = sys.excepthook, threading.excepthook, sys.unraisablehook, logging.getLogger("mcoe").level
    handlers = list(logging.getLogger().handlers)
    start_log()
    start_log("debug")
    assert sys.excepthook is not before[0]
    stop_log()
    stop_log()
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook, logging.getLogger("mcoe").level) == before
    assert logging.getLogger().handlers == handlers
