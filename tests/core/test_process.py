"""Being asked to end, and ending whatever hangs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from mcoe.core.process import AskedToEnd, interruptible, when_asked_to_end


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        assert signal.getsignal(number) is handler


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_runs_is_interrupted_with_the_code_that_shells_expect(number: int) -> None:
    with pytest.raises(AskedToEnd) as asked, interruptible():
        os.kill(os.getpid(), number)
        threading.Event().wait(30)
    assert asked.value.code == 128 + number
    assert not isinstance(asked.value, Exception), "or whoever expects failures would hold it up"


def test_whoever_asks_twice_ends_it_at_once() -> None:
    told: list[int] = []
    with when_asked_to_end(told.append):
        os.kill(os.getpid(), signal.SIGTERM)
        assert told == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGTERM) == signal.getsignal(signal.SIGINT) == signal.SIG_DFL


def test_what_nohup_has_it_ignore_it_goes_on_ignoring() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_changes_nothing() -> None:
    done = threading.Event()

    def work() -> None:
        with interruptible():
            done.set()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done.is_set()


@pytest.mark.parametrize("daemon", [False, True])
def test_it_leaves_though_a_thread_hangs_and_says_what_it_had_to(daemon: bool) -> None:
    code = "import threading; from mcoe.core.process import leave; print('said'); "
    code += f"threading.Thread(target=threading.Event().wait, daemon={daemon}).start(); leave(7)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (7, "said\n")
