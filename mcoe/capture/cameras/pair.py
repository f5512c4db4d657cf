"""A webcam beside an event camera as one source: the frames on the events' clock and over the events' pixels."""

from __future__ import annotations

import contextlib
import logging
import threading
from dataclasses import dataclass
from typing import get_args

from mcoe.capture.align import Alignment, scaled
from mcoe.capture.cameras.base import Arrival, CameraSettings, Capabilities, host_now_us
from mcoe.capture.cameras.live import PACKETS, CameraSource, CameraState, CameraStatus
from mcoe.capture.cameras.order import Merger
from mcoe.capture.source import Source, SourceInfo
from mcoe.capture.sync import UNKNOWN_LAG, ClockEstimate, ClockFit, LagEstimate, LagEstimator
from mcoe.core.errors import McoeError
from mcoe.core.mailbox import Closed, Mailbox
from mcoe.events.packets import Frame, Packet, packet_end_us

log = logging.getLogger(__name__)

#: The residual lag is estimated this often, µs.
LAG_EVERY_US = 1_000_000
#: A webcam's frame comes up to this long after the events it belongs with, µs.
_EVENT_HOLD_US, _FRAME_HOLD_US = 150_000, 40_000


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """How the two cameras lie in time.

    Attributes:
        clock: the event camera's clock against the host's; None before its first packet.
        residual: the lag of the frames that the movements show, whole, not what is left after ``lag_us``.
        lag_us: what is subtracted from the frames' times now.
    """

    clock: ClockEstimate | None
    residual: LagEstimate
    lag_us: int


class PairSource(Source):
    """Merges an event camera and a webcam; implements :class:`mcoe.capture.source.Source`.

    The stream's clock is the event camera's. Frames that come before its first packet are dropped.

    Args:
        events: a camera with events; its frames, if any, are left out.
        frames: a camera whose clock is the host's (a webcam).
        alignment: lays the frames over the event sensor; None covers it with the frame's middle.
        lag_us: subtracted from the frames' times.
    """

    def __init__(
        self, events: CameraSource, frames: CameraSource, alignment: Alignment | None = None, lag_us: int = 0
    ) -> None:
        if not events.info.has_events or not frames.info.has_frames:
            raise McoeError(
                f"{events.info.name} beside {frames.info.name} is no pair; name an event camera and a webcam."
            )
        self.events, self.frames = events, frames
        #: May be set from any thread; takes effect with the next frame.
        self.lag_us = lag_us
        self.alignment = alignment or scaled(frames.info.size, events.info.size)
        #: The newest frame as the webcam gave it, for whoever aligns; None before the first.
        self.raw: Frame | None = None
        #: Names the pair, for :func:`mcoe.capture.align.save` and ``load``.
        self.pair = f"{events.info.name} + {frames.info.name}"
        self.capabilities: Capabilities = events.capabilities
        self._info = SourceInfo(self.pair, events.info.size, has_frames=True, has_events=True, live=True)
        self._clock, self._lag, self._residual = ClockFit(), LagEstimator(), UNKNOWN_LAG
        self._merger = Merger(_EVENT_HOLD_US, _FRAME_HOLD_US)
        self._frame_us = -(1 << 62)
        self._mailbox: Mailbox[Packet] = Mailbox(PACKETS)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._error: str | None = None
        self._thread = threading.Thread(target=self._run, name="camera-pair", daemon=True)
        self._thread.start()

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def dropped(self) -> int:
        """Packets lost on the way because something was too slow."""
        return self._mailbox.dropped + self.events.dropped + self.frames.dropped

    def status(self) -> CameraStatus:
        """Return the state of the worse of the two cameras, and both rates."""
        first, second = self.events.status(), self.frames.status()
        worse = max((first, second), key=lambda status: get_args(CameraState).index(status.state))
        return CameraStatus(
            worse.state,
            worse.reason,
            first.reconnects + second.reconnects,
            self.dropped,
            first.disordered + second.disordered,
            first.events_per_s,
            second.frames_per_s,
            first.settings.updated(second.settings),
            first.jumps + second.jumps,
            first.last_jump_us or second.last_jump_us,
        )

    def sync(self) -> SyncStatus:
        """Return the two clocks and the residual lag; from any thread."""
        with self._lock:
            return SyncStatus(self._clock.estimate(), self._residual, self.lag_us)

    def configure(self, settings: CameraSettings) -> None:
        """Ask both cameras; each takes what it can."""
        self.events.configure(settings)
        self.frames.configure(settings)

    def read(self, timeout_s: float = 1.0) -> Packet | None:
        try:
            return self._mailbox.get(timeout_s)
        except Closed:
            if self._error is not None:
                raise McoeError(self._error) from None
            return None

    def seek(self, time_us: int) -> None:
        raise McoeError(f"{self._info.name} is live and cannot seek; record it and replay the file.")

    def close(self) -> None:
        """Stop and release both cameras. From any thread; a second call does nothing."""
        self._stop.set()
        self._mailbox.close()
        if threading.current_thread() is not self._thread:
            self._thread.join()
        self.events.close()
        self.frames.close()

    def _run(self) -> None:
        next_lag_us = host_now_us() + LAG_EVERY_US
        try:
            while not self._stop.is_set():
                self._take(self.events, 0.005)
                self._take(self.frames, 0.0)
                now = host_now_us()
                for arrival in self._merger.pop(now):
                    self._mailbox.put(arrival.packet)
                if now >= next_lag_us:
                    next_lag_us = now + LAG_EVERY_US
                    found = self._lag.estimate()
                    with self._lock:
                        self._residual = found
        except Closed:
            pass
        except McoeError as error:
            self._error = str(error)
        except Exception:
            log.exception("%s stopped", self.pair)
            self._error = f"{self.pair} stopped on an unexpected error, told in the log; open it again."
        finally:
            self._mailbox.close()

    def _take(self, camera: CameraSource, timeout_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            arrival = camera.read_arrival(timeout_s)
            if arrival is None:
                raise Closed
            packet, host_us = arrival
            if camera is self.frames:
                if isinstance(packet, Frame):
                    self._take_frame(packet, host_us)
            elif not isinstance(packet, Frame):
                with self._lock:
                    self._clock.add(packet_end_us(packet), host_us)
                self._lag.add_events(packet)
                self._merger.push(arrival)

    def _take_frame(self, frame: Frame, host_us: int) -> None:
        self.raw = frame
        with self._lock:
            if self._clock.estimate() is None:
                return
            start, end = self._clock.to_device(frame.start_us), self._clock.to_device(frame.end_us)
        self._lag.add_frame(Frame(frame.image, start, end))
        start, end = start - self.lag_us, end - self.lag_us
        if end <= self._frame_us:
            # A better clock fit, or a new lag, may not send frames back in time.
            return
        self._frame_us = end
        self._merger.push(Arrival(Frame(self.alignment.image(frame.image), start, end), host_us))
