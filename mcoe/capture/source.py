"""What a source of events and frames is: a camera, a file or a network stream, behind one protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from mcoe.core.errors import McoeError
from mcoe.core.text import plain_text
from mcoe.events.packets import Packet

#: No sensor has a longer side, pixels: whoever states one would have us ask for memory in its name.
MAX_SIDE = 8192
#: No recording begins further from 0, or is longer, µs: a century.
MAX_TIME_US = 100 * 366 * 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source says of itself once it is open, whether a file, a device or a server: checked once, here.

    Attributes:
        name: what to show a user, e.g. a file name or ``DAVIS346 00000336``; made plain and bounded.
        size: sensor ``(width, height)`` in pixels, each 1 to :data:`MAX_SIDE`.
        has_frames: whether :meth:`Source.read` can return frames.
        has_events: whether it can return events.
        live: a live source cannot seek and must never be made to wait; a file can do both.
        start_us: time of the first packet, µs (0 for a live source that has not begun).
        duration_us: length, µs; None for a live source.

    Raises:
        McoeError: a size or a time that no recording and no camera has.
    """

    name: str
    size: tuple[int, int]
    has_frames: bool
    has_events: bool
    live: bool
    start_us: int = 0
    duration_us: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", plain_text(self.name) or "a source without a name")
        width, height = self.size
        if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
            raise McoeError(
                f"{self.name} states a sensor of {_number(width)}×{_number(height)} pixels, which cannot be (1 to "
                f"{MAX_SIDE} each way); it is damaged, or set up wrongly."
            )
        if not (abs(self.start_us) <= MAX_TIME_US and 0 <= (self.duration_us or 0) <= MAX_TIME_US):
            raise McoeError(
                f"{self.name} states times that cannot be (from {_number(self.start_us)} µs, "
                f"{_number(self.duration_us or 0)} µs long); it is damaged, record or copy it again."
            )


def _number(value: int) -> str:
    return str(value) if abs(value) < 10**18 else "far too many"


class Source(Protocol):
    """A stream of packets in time order. Used from one thread, except :meth:`close`, which any thread may call.

    It is closed at the end of a ``with`` and yields its packets in a ``for``; who implements it inherits both::

        with open_replay(path) as source:
            for packet in source:
                ...
    """

    @property
    def info(self) -> SourceInfo: ...

    def read(self, timeout_s: float = 1.0) -> Packet | None:
        """Return the next packet (never an empty event array), or None once the stream has ended.

        Packets come ordered by their end, except that an event batch may reach past a frame's end by the
        length of one batch. Event batches are ordered inside and never overlap.

        Raises:
            McoeError: the file or device failed (unplugged, damaged, silent past its deadline).
            TimeoutError: a live source had nothing for ``timeout_s`` seconds; call again.
        """
        ...

    def seek(self, time_us: int) -> None:
        """Continue at the first packet that ends at or after ``time_us``. Raises McoeError on a live source."""
        ...

    def close(self) -> None:
        """Release the file or device. A second call does nothing."""
        ...

    def __iter__(self) -> Iterator[Packet]:
        """Yield packets until the stream ends or is closed, waiting while a live one is silent. Raises McoeError."""
        while True:
            try:
                packet = self.read()
            except TimeoutError:
                continue
            if packet is None:
                return
            yield packet

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
