"""What every command does first and last: keep to its own folders, print on any console, end in order when asked to."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from mcoe.core.paths import keep_to_own_folders

#: Ctrl+C, a service that is stopped, a logout or a terminal that is closed.
_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class AskedToEnd(KeyboardInterrupt):
    """The process was asked to end. No ``except Exception`` holds it up.

    Attributes:
        code: the exit code that tells a shell so.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"asked to end by signal {number}")
        self.code = 128 + number


def begin() -> None:
    """Prepare the process; call it before anything is printed or a library imported."""
    keep_to_own_folders()
    # A letter that the console does not know is no reason to fail: it becomes a question mark.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


@contextlib.contextmanager
def when_asked_to_end(do: Callable[[int], None]) -> Iterator[None]:
    """Call ``do`` with the signal's number, in the main thread, when the process is asked to end.

    Only once: whoever asks again ends it at once. What the process was started to ignore, as ``nohup`` does, it goes on
    ignoring. Outside the main thread, which alone gets signals, nothing is changed.
    """

    def asked(number: int, frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        do(number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in _ENDING:
            if (handler := signal.getsignal(number)) not in (signal.SIG_IGN, None):
                before[number] = handler
                signal.signal(number, asked)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def interruptible() -> contextlib.AbstractContextManager[None]:
    """Within it, raise :class:`AskedToEnd` where the main thread stands."""

    def interrupt(number: int) -> NoReturn:
        raise AskedToEnd(number)

    return when_asked_to_end(interrupt)


def leave(code: int) -> NoReturn:
    """End the process, also while a thread hangs in a library: the interpreter would wait for it, or crash."""
    others = [each for each in threading.enumerate() if each is not threading.current_thread()]
    if not others:
        sys.exit(code)
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code)
