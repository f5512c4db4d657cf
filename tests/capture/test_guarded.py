"""The guarded child itself, with a module of a few lines in it."""

import os
import signal
import sys

import pytest

from mcoe.capture.guarded import ChildFailed, ChildGone, GuardedChild
from mcoe.core.errors import McoeError

MODULE = """
import sys, time
from mcoe.capture.guarded_child import run

def serve(parent, arguments):
    parent.ready()
    parent.opened({"told": arguments})
    if arguments[0] == "fail":
        parent.failed("the last word")
    elif arguments[0] == "sleep":
        time.sleep(600)

run(sys.argv[1:], serve)
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    (tmp_path / "talker.py").write_text(MODULE)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    children = []

    def started(*arguments):
        children.append(GuardedChild("talker", *arguments))
        return children[-1]

    yield started
    for child in children:
        child.close()
        child.close()
        with pytest.raises(ProcessLookupError):
            os.kill(child.pid, 0)


def test_what_it_opened_is_told(start):
    assert start("sleep", "well").opened(30) == {"told": ["sleep", "well"]}


def test_one_that_does_not_start_is_not_the_fault_of_what_it_should_open():
    child = GuardedChild("no_such_module")
    with pytest.raises(McoeError, match=r"did not start \(exit code 1\)"):
        child.opened(30)
    child.close()


def test_its_last_word_is_heard_though_it_has_gone_before_it_was_asked(start):
    child = start("fail")
    child.opened(30)
    assert child.exit_code(30) == 0
    child.send(b"more")
    with pytest.raises(ChildFailed, match="the last word"):
        child.receive(1)
    with pytest.raises(ChildGone):
        child.receive(1)


def test_silence_is_a_timeout_and_its_end_is_not(start):
    child = start("sleep")
    child.opened(30)
    assert not child.waits(0.01)
    with pytest.raises(TimeoutError):
        child.receive(0.05)
    child.hang_up()
    assert child.waits(30)
    with pytest.raises(ChildGone):
        child.receive(30)
    assert child.exit_code(30) == -signal.SIGKILL
