"""A bounded mailbox between two threads: the newest wins, the oldest is dropped and counted."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Closed(Exception):
    """The mailbox was closed and, for a reader, is empty."""


class Mailbox(Generic[T]):
    """Queue of at most ``capacity`` items.

    ``put`` never waits: a full mailbox loses its oldest item. ``put_wait`` is for replay, where the file can
    wait for the network and nothing may be lost.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"a mailbox holds at least one item, not {capacity}")
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._condition = threading.Condition()
        self._closed = False
        self._dropped = 0

    def put(self, item: T) -> None:
        """Add an item, dropping the oldest if full. Raises Closed."""
        with self._condition:
            if self._closed:
                raise Closed
            if len(self._items) == self._capacity:
                self._items.popleft()
                self._dropped += 1
            self._items.append(item)
            self._condition.notify_all()

    def put_wait(self, item: T) -> None:
        """Add an item once there is room. Raises Closed, also when closed while waiting."""
        with self._condition:
            self._condition.wait_for(lambda: self._closed or len(self._items) < self._capacity)
            if self._closed:
                raise Closed
            self._items.append(item)
            self._condition.notify_all()

    def get(self, timeout: float | None = None) -> T:
        """Remove and return the oldest item. Raises TimeoutError after ``timeout`` seconds, Closed at the end."""
        with self._condition:
            if not self._condition.wait_for(lambda: self._closed or bool(self._items), timeout):
                raise TimeoutError
            if not self._items:
                raise Closed
            item = self._items.popleft()
            self._condition.notify_all()
            return item

    def clear(self) -> None:
        """Throw away what waits, without counting it as dropped (a seek, not an overload)."""
        with self._condition:
            self._items.clear()
            self._condition.notify_all()

    def close(self) -> None:
        """Wake everyone; a reader still gets what waits. A second call does nothing."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    @property
    def dropped(self) -> int:
        """Items lost because the mailbox was full."""
        with self._condition:
            return self._dropped

    def __len__(self) -> int:
        with self._condition:
            return len(self._items)
