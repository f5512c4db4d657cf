"""Computing threads step back; the caller's own process does not."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from mcoe.core.priority import STEPS, lower_priority
from mcoe.live.stream.pipeline import Pipeline
from tests.live.fakes import FakeEngine, FakeSource


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a niceness per thread")
def test_only_the_thread_that_computes_steps_back():
    before, seen = niceness(), []

    class Watching(FakeEngine):
        def step(self, older, window, question):
            seen.append(niceness())
            return super().step(older, window, question)

    pipeline = Pipeline(FakeSource, Watching, lossless=True)
    pipeline.start()
    pipeline.wait()
    pipeline.close()
    assert set(seen) == {min(19, before + STEPS)}
    assert niceness() == before


def test_a_system_that_forbids_it_is_no_failure(monkeypatch):
    def forbid(*_):
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", forbid)
    lower_priority()
