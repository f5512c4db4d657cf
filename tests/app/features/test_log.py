"""What goes wrong unexpectedly in a slot or a thread is told and logged; Help shows the log."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading

import pytest

from app.features.log import Log
from mcoe.core import log


@pytest.fixture
def logged(tmp_path):
    log.start_log("info", tmp_path)
    yield tmp_path
    log.stop_log()


def feature(window):
    return next(each for each in window.features if isinstance(each, Log))


def fail() -> None:
    raise ZeroDivisionError("a planted mistake")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("where", ["thread", "log"])
def test_an_unexpected_exception_becomes_a_notice_and_a_line_in_the_log(logged, window, qtbot, where):
    with qtbot.waitSignal(window.notices.said):
        if where == "thread":
            threading.Thread(target=fail).start()
        else:
            logging.getLogger("mcoe.somewhere").error("a planted mistake")
    assert "planted mistake" in window.notice.text()
    assert window.notice.text().endswith("see the log (Help, Show log).")
    assert "planted mistake" in (logged / "mcoe-live.log").read_text()


SLOT = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication, QTimer
from mcoe.core.log import start_log, subscribe

def fail():
    raise ZeroDivisionError("a planted mistake")

app = QCoreApplication([])
start_log("info", Path(sys.argv[1]))
subscribe(lambda error: (print(error.message), app.quit()))
QTimer.singleShot(0, fail)
app.exec()
"""


def test_an_exception_in_a_slot_reaches_the_log_and_whoever_listens(tmp_path):
    """In a process of its own: under pytest, pytest-qt takes such exceptions for itself."""
    done = subprocess.run(
        [sys.executable, "-c", SLOT, tmp_path], capture_output=True, text=True, timeout=60, check=True
    )
    assert "ZeroDivisionError: a planted mistake" in done.stdout
    assert "a planted mistake" in (tmp_path / "mcoe-live.log").read_text()


def test_help_shows_the_log(logged, window, qtbot):
    logging.getLogger("mcoe.somewhere").warning("a word for the log")
    feature(window).show()
    dialog = feature(window).dialog
    assert "a word for the log" in dialog.text.toPlainText()
    assert str(logged) in dialog.where.text()


def test_without_a_log_the_dialog_says_so(window):
    feature(window).show()
    assert "No log is kept" in feature(window).dialog.where.text()
