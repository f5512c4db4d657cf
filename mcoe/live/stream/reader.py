"""The first stage: the capture thread opens the source, reads it and follows seeks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from mcoe.capture.source import Source, SourceInfo
from mcoe.core.errors import McoeError
from mcoe.core.mailbox import Mailbox
from mcoe.events.packets import Packet
from mcoe.live.stream.clock import PlaybackClock

#: Packets between capture and windows. A batch holds about 10 ms, so this is well over half a second of slack.
PACKETS = 64
#: A seek starts reading this much before the older window of the pair, µs, so that both are whole.
PREROLL_US = 200_000
#: Longest event window that a network is expected to want, µs, until it is known what it wants.
LONGEST_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Parcel:
    """A packet on its way to the windows.

    Attributes:
        generation: counts seeks, as the clock does.
        packet: None where the stream ended.
        show_from_us: windows that end before it only complete pairs, µs.
        arrived_s: when it was read, on :func:`time.perf_counter`.
    """

    generation: int
    packet: Packet | None
    show_from_us: int
    arrived_s: float


class Reader:
    """Fills :attr:`packets`: of a live source the newest, of a recording all.

    Args:
        open_source: opens the source, in the capture thread.
        clock: told of seeks.
        gap_us: time between the two windows of a pair, µs.
        lossless: end with the stream instead of waiting for a seek; a recording only.
        opened: called in the capture thread with the open source's info, before its first packet.
        arrived: called in the capture thread with every packet, as the source sent it.
    """

    def __init__(
        self,
        open_source: Callable[[], Source],
        clock: PlaybackClock,
        *,
        gap_us: int,
        lossless: bool,
        opened: Callable[[SourceInfo], None],
        arrived: Callable[[Packet], None],
    ) -> None:
        self._open_source, self._clock = open_source, clock
        self._gap_us, self._lossless = gap_us, lossless
        #: Length of the network's event window, µs: a seek begins so much earlier.
        self.window_us = LONGEST_US
        self._opened, self._arrived = opened, arrived
        self.packets: Mailbox[Parcel] = Mailbox(PACKETS)
        #: The open source and what it says of itself; None before it is open.
        self.source: Source | None = None
        self.info: SourceInfo | None = None
        #: Closes the source, once :meth:`close` was called.
        self.closer: threading.Thread | None = None
        #: Of the newest seek.
        self.generation = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._seek_us: int | None = None
        self._closing = False

    def seek(self, time_us: int) -> None:
        """Go on at ``time_us``, from a bit before it; from any thread."""
        with self._lock:
            # Before the capture thread can know of the seek: later, its first packets would be thrown away as well.
            self.packets.clear()
            self._seek_us = time_us
            self.generation = self._clock.restart()
        self._wake.set()

    def close(self) -> None:
        """Let :meth:`run` end, and whoever reads :attr:`packets`; nobody waits for the source."""
        self._closing = True
        self.packets.close()
        self._wake.set()
        if self.source is not None and self.closer is None:
            # It wakes :meth:`run`, which may be waiting for a decoder or a driver.
            self.closer = threading.Thread(target=self.source.close, name="mcoe-close", daemon=True)
            self.closer.start()

    def run(self) -> None:
        """Read until the end or :meth:`close`.

        Raises:
            McoeError: the source failed, or is live and was to be read without loss.
            Closed: it was closed meanwhile.
        """
        source = self._open_source()
        try:
            info = source.info
            self.source, self.info = source, info
            if self._closing:
                return
            if self._lossless and info.live:
                raise McoeError(f"{info.name} is live and cannot run without dropping; record it and replay the file.")
            self._opened(info)
            put = self.packets.put if info.live else self.packets.put_wait
            generation, show_from = 0, -(1 << 62)
            while not self._closing:
                with self._lock:
                    seek, self._seek_us = self._seek_us, None
                    if seek is not None:
                        generation = self.generation
                if seek is not None:
                    show_from = seek
                    source.seek(max(info.start_us, seek - self._gap_us - self.window_us - PREROLL_US))
                try:
                    packet = source.read(0.1 if info.live else 1.0)
                except TimeoutError:
                    continue
                if packet is not None:
                    self._arrived(packet)
                put(Parcel(generation, packet, show_from, time.perf_counter()))
                if packet is None and not self._wait_for_seek(info):
                    return
        finally:
            source.close()

    def _wait_for_seek(self, info: SourceInfo) -> bool:
        """At the end of the stream, sleep until a seek; False when there will be none."""
        if self._lossless or info.live:
            return False
        while not self._closing:
            self._wake.wait()
            self._wake.clear()
            with self._lock:
                if self._seek_us is not None:
                    return True
        return False
