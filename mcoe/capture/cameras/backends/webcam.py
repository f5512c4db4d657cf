"""Webcams through OpenCV: ask for, then read back; alone, their events are emulated from the frames.

A webcam's clock is the host's (:func:`mcoe.capture.cameras.base.host_now_us`).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mcoe.capture.cameras.base import (
    Arrival,
    CameraKind,
    CameraListing,
    CameraSettings,
    Capabilities,
    DeviceLost,
    Support,
    host_now_us,
)
from mcoe.core.errors import McoeError
from mcoe.events.packets import Events, Frame

KIND = CameraKind(
    "webcam",
    Capabilities(
        frames=Support.YES,
        events=Support.YES,
        exposure=Support.UNKNOWN,
        biases=Support.NO,
        roi=Support.NO,
        hardware_time=Support.UNKNOWN,
    ),
    backend=lambda: WebcamBackend(),
    numbered=True,
    beside=lambda: WebcamBackend(emulate=False),
)
#: What is asked for when the user asks for nothing.
DEFAULTS = CameraSettings(size=(640, 480), fps=30.0)
#: V4L2: 1 is manual, 3 automatic (aperture priority); other systems: 0.25 and 0.75.
_AUTO_V4L2, _AUTO_OTHER = (1.0, 3.0), (0.25, 0.75)
#: A driver's frame stamp is believed if it lies at most this long before the frame's arrival, µs.
_STAMP_AGE_US = 1_000_000


class Emulator(Protocol):
    """What turns a frame-only camera into an event camera; see ``mcoe.sensor.emulator``."""

    def step(self, gray: NDArray[np.uint8], t_us: int) -> Events: ...


class WebcamBackend:
    """Finds and opens webcams; ``serial`` is the number of the camera, "0" the first.

    Args:
        emulate: also deliver events emulated from the frames.
        capture: stands in for ``cv2.VideoCapture`` in tests.
        emulator: builds the emulator for a size ``(width, height)``.
    """

    name = KIND.name

    def __init__(
        self,
        emulate: bool = True,
        capture: Callable[..., Any] = cv2.VideoCapture,
        emulator: Callable[[tuple[int, int]], Emulator] | None = None,
    ) -> None:
        self._emulate, self._capture, self._emulator = emulate, capture, emulator
        self.capabilities = replace(KIND.capabilities, events=Support.YES if emulate else Support.NO)

    def find(self) -> list[CameraListing]:
        names = _v4l2_names(Path("/sys/class/video4linux"))
        if not names:
            reason = (
                "no webcam is plugged in"
                if sys.platform == "linux"
                else "webcams cannot be listed on this system; try --rgb 0, --rgb 1"
            )
            return [CameraListing(self.name, self.name, None, False, reason, self.capabilities)]
        return [
            CameraListing(self.name, name, str(number), True, None, self.capabilities) for number, name in names.items()
        ]

    def open(self, serial: str | None, settings: CameraSettings) -> WebcamDevice:
        number = serial if serial is not None else "0"
        if not number.isdecimal():
            raise McoeError(f"{number!r} is no webcam; give its number, such as --rgb 0 (see --list-cameras).")
        backend = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
        capture = self._capture(int(number), backend)
        if not capture.isOpened():
            capture.release()
            raise McoeError(
                f"Webcam {number} cannot be opened; check --list-cameras, close other programs that use it, and on "
                "Linux that you belong to the group video."
            )
        device = WebcamDevice(capture, number, DEFAULTS.updated(settings), self.capabilities)
        if self._emulate:
            device.emulator = (self._emulator or _event_emulator)(device.size)
        return device


class WebcamDevice:
    """One open webcam. ``capture`` is a ``cv2.VideoCapture``."""

    in_order = True
    dropped = 0  # OpenCV does not tell

    def __init__(self, capture: Any, number: str, settings: CameraSettings, capabilities: Capabilities) -> None:
        self._capture = capture
        self.name, self.serial = f"webcam {number}", number
        self.capabilities = capabilities
        self.emulator: Emulator | None = None
        self._v4l2 = capture.getBackendName() == "V4L2"
        self._exposure_us: int | None = None
        self._last_us = -1
        if settings.size is not None:
            if settings.size[0] > 640:
                # Uncompressed, USB 2 carries little more than 640×480 at 30 Hz.
                capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.size[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.size[1])
        if settings.fps is not None:
            capture.set(cv2.CAP_PROP_FPS, settings.fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest frame, not the oldest
        # Only a frame tells the size that is really sent.
        ok, image = capture.read()
        if not ok:
            capture.release()
            raise McoeError(f"{self.name} opens but sends no image; close other programs that use it and try again.")
        self.size = (int(image.shape[1]), int(image.shape[0]))

    def apply(self, settings: CameraSettings) -> CameraSettings:
        """Set the exposure (size and rate only take effect on opening) and read everything back."""
        manual, automatic = _AUTO_V4L2 if self._v4l2 else _AUTO_OTHER
        capture = self._capture
        if settings.auto_exposure is not None:
            capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, automatic if settings.auto_exposure else manual)
        if settings.exposure_us is not None:
            # V4L2 counts in 100 µs, the others in powers of two of a second.
            raw = settings.exposure_us / 100 if self._v4l2 else math.log2(settings.exposure_us / 1e6)
            raw = round(raw)
            accepted = capture.set(cv2.CAP_PROP_EXPOSURE, raw)
            # Drivers say yes and do nothing: believe only what can be read back.
            obeyed = accepted and math.isclose(capture.get(cv2.CAP_PROP_EXPOSURE), raw, rel_tol=0.02, abs_tol=0.5)
            self.capabilities = replace(self.capabilities, exposure=Support.YES if obeyed else Support.NO)
        return self._report(automatic)

    def _report(self, automatic: float) -> CameraSettings:
        raw, auto = self._capture.get(cv2.CAP_PROP_EXPOSURE), self._capture.get(cv2.CAP_PROP_AUTO_EXPOSURE)
        if self._v4l2:
            self._exposure_us = round(raw * 100) if raw > 0 else None
        else:
            self._exposure_us = round(2**raw * 1e6) if -20 < raw < 0 else None
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        return CameraSettings(
            exposure_us=self._exposure_us,
            auto_exposure=bool(auto == automatic),
            size=self.size,
            fps=fps if fps > 0 else None,
        )

    def poll(self, timeout_s: float) -> list[Arrival]:
        """Wait for the next frame; OpenCV's own wait, one frame interval, cannot be cut short."""
        ok, image = self._capture.read()
        arrived = host_now_us()
        if not ok or image is None:
            raise DeviceLost(f"{self.name} was unplugged")
        end = self._stamp(arrived)
        start = end - (self._exposure_us or 0)
        if image.ndim == 3:
            gray, image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        else:
            gray = image
        arrivals = []
        # A driver may stamp two frames alike; the second is dropped later, and the emulator has no use for it.
        if self.emulator is not None and end > self._last_us:
            self._last_us = end
            events = self.emulator.step(np.asarray(gray, np.uint8), end)
            if len(events):
                arrivals.append(Arrival(events, arrived))
        arrivals.append(Arrival(Frame(np.asarray(image, np.uint8), start, end), arrived))
        return arrivals

    def _stamp(self, arrived_us: int) -> int:
        """Return the kernel's stamp of the frame (V4L2, the host's monotonic clock), or its arrival."""
        stamp = round(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1000) if self._v4l2 else 0
        believed = 0 <= arrived_us - stamp < _STAMP_AGE_US
        if self.capabilities.hardware_time is Support.UNKNOWN:
            self.capabilities = replace(self.capabilities, hardware_time=Support.YES if believed else Support.NO)
        return stamp if believed else arrived_us

    def close(self) -> None:
        self._capture.release()


def _v4l2_names(folder: Path) -> dict[int, str]:
    """Return number → name of the capture devices that Linux lists; metadata nodes (index > 0) are left out."""
    names = {}
    for node in folder.glob("video*") if folder.is_dir() else []:
        index = node / "index"
        if not index.is_file() or index.read_text().strip() == "0":
            names[int(node.name.removeprefix("video"))] = (node / "name").read_text().strip()
    return dict(sorted(names.items()))


def _event_emulator(size: tuple[int, int]) -> Emulator:
    from mcoe.sensor.emulator import EventEmulator

    emulator: Emulator = EventEmulator(size)
    return emulator
