"""A camera as a Source: a capture thread, a bounded mailbox, and a device that may be unplugged and come back."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from mcoe.capture.cameras.base import Arrival, CameraSettings, Capabilities, Device, DeviceLost, Support, host_now_us
from mcoe.capture.cameras.order import Merger, Timeline, split
from mcoe.capture.source import Source, SourceInfo
from mcoe.core.errors import McoeError
from mcoe.core.mailbox import Closed, Mailbox
from mcoe.events.packets import Frame, Packet

log = logging.getLogger(__name__)

CameraState = Literal["streaming", "closed", "reconnecting", "failed"]

#: Packets between the capture thread and the reader: at most 64 × 2 MiB of events wait.
PACKETS = 64
#: Longest wait for the device in one poll, s; settings and close take effect after it.
POLL_S = 0.01
#: Rates are measured over this time, µs.
RATE_WINDOW_US = 2_000_000


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """What a live camera says of itself.

    Attributes:
        state: how it is, the worse of two further right in :data:`CameraState`.
        reason: why it reconnects or failed.
        reconnects: how often the device came back.
        dropped: packets lost because the reader was too slow, or in the driver.
        disordered: events and frames dropped or sorted because their time went back, or off the sensor.
        events_per_s, frames_per_s: measured over the last 2 s.
        settings: what the device reports of its settings.
        jumps, last_jump_us: how often its clock jumped, and how far the last time, µs.
    """

    state: CameraState
    reason: str | None = None
    reconnects: int = 0
    dropped: int = 0
    disordered: int = 0
    events_per_s: float = 0.0
    frames_per_s: float = 0.0
    settings: CameraSettings = field(default_factory=CameraSettings)
    jumps: int = 0
    last_jump_us: int = 0

    @property
    def notice(self) -> str:
        """One sentence on the clock's jumps; empty if it had none."""
        if not self.jumps:
            return ""
        times = "once" if self.jumps == 1 else f"{self.jumps} times"
        last = f"{self.last_jump_us / 1e6:+,.1f} s"
        return f"The camera's clock jumped {times}, last by {last}; the stream went on without a gap."


class RateMeter:
    """Counts per second over the last :data:`RATE_WINDOW_US` of host time."""

    def __init__(self) -> None:
        self._marks: deque[tuple[int, int]] = deque()
        self._sum = 0

    def add(self, now_us: int, count: int) -> None:
        self._marks.append((now_us, count))
        self._sum += count
        self.rate(now_us)

    def rate(self, now_us: int) -> float:
        """Return counts per second; 0 until two marks lie in the window."""
        while self._marks and now_us - self._marks[0][0] > RATE_WINDOW_US:
            self._sum -= self._marks.popleft()[1]
        if len(self._marks) < 2:
            return 0.0
        # The first mark opens the span; its own counts came before it.
        span = max(now_us, self._marks[-1][0]) - self._marks[0][0]
        return (self._sum - self._marks[0][1]) * 1e6 / span if span > 0 else 0.0


class CameraSource(Source):
    """Reads a device in its own thread and hands its packets on; implements :class:`mcoe.capture.source.Source`.

    The device is opened in the constructor. If it is lost, it is opened again with growing pauses, for as long as
    it takes; the settings are applied again and the stream's time goes on.

    Args:
        open_device: opens the device with this serial (None: the first one) and these settings. Raises McoeError.
        serial: the device to open.
        settings: what to ask of it.
        capacity: packets that may wait for :meth:`read`.
        backoff_s: first and longest pause between attempts to reopen, seconds.

    Raises:
        McoeError: the device cannot be opened.
    """

    def __init__(
        self,
        open_device: Callable[[str | None, CameraSettings], Device],
        serial: str | None = None,
        settings: CameraSettings | None = None,
        *,
        capacity: int = PACKETS,
        backoff_s: tuple[float, float] = (0.25, 4.0),
    ) -> None:
        self._open_device, self._serial, self._backoff_s = open_device, serial, backoff_s
        self._wanted = settings or CameraSettings()
        self._pending: CameraSettings | None = None
        self._mailbox: Mailbox[Arrival] = Mailbox(capacity)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._state: CameraState = "streaming"
        self._reconnects = 0
        self._reason: str | None = None
        self._rates = (RateMeter(), RateMeter())
        self._dropped_before = 0
        self._device = device = open_device(serial, self._wanted)
        try:
            self._info = SourceInfo(
                name=device.name,
                size=device.size,
                has_frames=device.capabilities.frames is Support.YES,
                has_events=device.capabilities.events is Support.YES,
                live=True,
            )
            self._applied = device.apply(self._wanted)
        except DeviceLost as lost:
            _close_quietly(device)
            raise McoeError(f"{device.name} was lost while it was set up ({lost}); plug it in and try again.") from lost
        except BaseException:
            _close_quietly(device)
            raise
        self._serial = device.serial if device.serial is not None else serial
        self.capabilities: Capabilities = device.capabilities
        self._timeline = Timeline(self._info)
        self._merger = Merger() if self._info.has_frames and self._info.has_events and not device.in_order else None
        self._thread = threading.Thread(target=self._guard, args=(device,), name=f"camera-{device.name}", daemon=True)
        self._thread.start()

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def dropped(self) -> int:
        """Packets lost because :meth:`read` was not called often enough, or in the driver."""
        return self._mailbox.dropped + self._dropped_before + self._device.dropped

    def status(self) -> CameraStatus:
        """Return how the camera is doing; from any thread."""
        now = host_now_us()
        with self._lock:
            return CameraStatus(
                self._state,
                self._reason,
                self._reconnects,
                self.dropped,
                self._timeline.disordered,
                self._rates[0].rate(now),
                self._rates[1].rate(now),
                self._applied,
                self._timeline.jumps,
                self._timeline.last_jump_us,
            )

    def configure(self, settings: CameraSettings) -> None:
        """Ask for settings; fields that are None stay. They take effect in the capture thread, see :meth:`status`."""
        with self._lock:
            self._wanted = self._wanted.updated(settings)
            self._pending = self._wanted

    def read(self, timeout_s: float = 1.0) -> Packet | None:
        """Return the next packet, None once closed. Raises TimeoutError, and McoeError if the backend failed."""
        arrival = self.read_arrival(timeout_s)
        return None if arrival is None else arrival.packet

    def read_arrival(self, timeout_s: float = 1.0) -> Arrival | None:
        """As :meth:`read`, with the host time at which the packet came."""
        try:
            return self._mailbox.get(timeout_s)
        except Closed:
            with self._lock:
                if self._state == "failed":
                    raise McoeError(self._reason or f"{self._info.name} failed; open it again.") from None
            return None

    def seek(self, time_us: int) -> None:
        raise McoeError(f"{self._info.name} is live and cannot seek; record it and replay the file.")

    def close(self) -> None:
        """Stop the capture thread and release the device. From any thread; a second call does nothing."""
        self._stop.set()
        self._mailbox.close()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # ---- the capture thread

    def _guard(self, device: Device) -> None:
        state: CameraState = "closed"
        reason: str | None = None
        current: Device | None = device
        try:
            while current is not None:
                try:
                    self._stream(current)
                    break
                except DeviceLost as lost:
                    log.warning("%s was lost: %s", self._info.name, lost)
                    _close_quietly(current)
                    current = self._reopen(str(lost))
        except Closed:
            pass
        except Exception:
            log.exception("%s stopped", self._info.name)
            state = "failed"
            reason = f"{self._info.name} stopped on an unexpected error, told in the log; open it again."
        finally:
            if current is not None:
                _close_quietly(current)
            with self._lock:
                self._state, self._reason = state, reason
            self._mailbox.close()

    def _stream(self, device: Device) -> None:
        while not self._stop.is_set():
            with self._lock:
                pending, self._pending = self._pending, None
            if pending is not None:
                applied = device.apply(pending)
                with self._lock:
                    self._applied, self.capabilities = applied, device.capabilities
            for arrival in device.poll(POLL_S):
                self._take(arrival)
            if self._merger is not None:
                for arrival in self._merger.pop(host_now_us()):
                    self._mailbox.put(arrival)

    def _take(self, arrival: Arrival) -> None:
        placed = self._timeline.place(arrival)
        if placed is None:
            return
        frame = isinstance(placed.packet, Frame)
        with self._lock:
            self._rates[int(frame)].add(host_now_us(), 1 if isinstance(placed.packet, Frame) else len(placed.packet))
        for part in split(placed):
            if self._merger is None:
                self._mailbox.put(part)
            else:
                self._merger.push(part)

    def _reopen(self, reason: str) -> Device | None:
        """Open the device again, however long it takes; None if closed meanwhile."""
        pause, longest = self._backoff_s
        with self._lock:
            self._state, self._reason = "reconnecting", reason
        while not self._stop.wait(pause):
            pause = min(2 * pause, longest)
            device: Device | None = None
            try:
                with self._lock:
                    wanted, self._pending = self._wanted, None
                device = self._open_device(self._serial, wanted)
                if device.size != self._info.size:
                    raise McoeError(f"{device.name} has another sensor size than {self._info.name}; plug that one in.")
                applied = device.apply(wanted)
            except (McoeError, DeviceLost) as error:
                if device is not None:
                    _close_quietly(device)
                with self._lock:
                    self._reason = str(error)
                continue
            self._timeline.reconnect()
            with self._lock:
                self._state, self._reason, self._applied = "streaming", None, applied
                self._dropped_before += self._device.dropped
                self._device = device
                self._reconnects += 1
            log.info("%s is back", self._info.name)
            return device
        return None


def _close_quietly(device: Device) -> None:
    # A device that is gone may well fail to close; nothing is left to be done about it.
    with contextlib.suppress(Exception):
        device.close()
