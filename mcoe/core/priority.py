"""Threads that compute step back behind those that answer the user."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

#: Steps of niceness: on two busy cores the window's thread is then given its turn first.
STEPS = 5


def lower_priority() -> None:
    """Lower the calling thread's priority, and that of the threads it will start; on Linux, elsewhere nothing.

    Linux keeps a niceness per thread (sched(7)), though POSIX has one per process.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # the system may forbid it, and all still runs
            me = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, me, min(19, os.getpriority(os.PRIO_PROCESS, me) + STEPS))
