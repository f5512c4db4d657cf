"""Threads that the window must not wait for, but the program must."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Threads:
    """Runs closings in threads of their own, and knows when they are through."""

    def __init__(self) -> None:
        self._closing: list[threading.Thread] = []
        self._others: list[threading.Thread] = []

    def close(self, work: Callable[[], None]) -> None:
        """Run ``work``, which closes a pipeline and may take its time."""
        thread = threading.Thread(target=work, name="mcoe-close")
        thread.start()
        self._closing.append(thread)

    @property
    def closed(self) -> bool:
        """Whether every closing is through."""
        self._closing = [thread for thread in self._closing if thread.is_alive()]
        return not self._closing

    def join_at_end(self, thread: threading.Thread) -> None:
        """Let :meth:`join` wait for ``thread`` too."""
        self._others.append(thread)

    def join(self) -> None:
        """Wait for all of them; for the end of the program."""
        for thread in self._closing + self._others:
            if thread.ident is not None:
                thread.join()
