"""One rig per backend: the camera over fake hardware (or a loopback server) that can be unplugged."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import pytest

from mcoe.bench.loopback import Server
from mcoe.capture.cameras.backends.davis import DavisBackend
from mcoe.capture.cameras.backends.network import NetworkBackend
from mcoe.capture.cameras.backends.prophesee import PropheseeBackend
from mcoe.capture.cameras.backends.webcam import WebcamBackend
from mcoe.capture.cameras.base import CameraSettings
from mcoe.capture.cameras.live import CameraSource
from mcoe.capture.cameras.pair import PairSource
from tests.capture.cameras.fakes import EdgeEmulator, FakeDrivers, FakeDvCamera, FakeWebcams

QUICK = (0.02, 0.05)


class Rig:
    """A camera under test.

    Attributes:
        settings: something the camera can be told, None if nothing.
        serial: which device is opened; None for the first.
        heard: returns what the hardware holds of it.
    """

    settings: CameraSettings | None = None
    serial: str | None = None

    def __init__(self, hardware: Any, backend: Any) -> None:
        self.hardware, self.backend = hardware, backend

    def open(self, settings: CameraSettings | None = None) -> CameraSource | PairSource:
        return CameraSource(self.backend.open, self.serial, settings, backoff_s=QUICK)

    def unplug(self) -> None:
        self.hardware.plugged = False

    def replug(self) -> None:
        self.hardware.plugged = True

    def heard(self) -> Any:
        return None

    def close(self) -> None: ...


class DavisRig(Rig):
    settings = CameraSettings(exposure_us=3000, sensitivity="high", roi=(10, 20, 100, 80), fps=50.0)

    def __init__(self) -> None:
        hardware = FakeDvCamera()
        super().__init__(hardware, DavisBackend(hardware))

    def replug(self) -> None:
        self.hardware.base_us -= 3600_000_000  # its clock is set anew
        super().replug()

    def heard(self) -> Any:
        return copy.deepcopy(self.hardware.state)


class PropheseeRig(Rig):
    settings = CameraSettings(sensitivity="low", roi=(100, 200, 640, 360))

    def __init__(self) -> None:
        hardware = FakeDrivers()
        super().__init__(hardware, PropheseeBackend(hardware))

    def heard(self) -> Any:
        return self.hardware.configuration.serialize()


class WebcamRig(Rig):
    settings = CameraSettings(exposure_us=8000)

    def __init__(self, emulate: bool = True) -> None:
        hardware = FakeWebcams()
        super().__init__(hardware, WebcamBackend(emulate, capture=hardware, emulator=EdgeEmulator))

    def heard(self) -> Any:
        return {p: self.hardware.asked.get(p) for p in (cv2.CAP_PROP_EXPOSURE, cv2.CAP_PROP_AUTO_EXPOSURE)}


class PairRig(Rig):
    settings = CameraSettings(sensitivity="low", exposure_us=8000)

    def __init__(self) -> None:
        self.events, self.frames = PropheseeRig(), WebcamRig(emulate=False)

    def open(self, settings: CameraSettings | None = None) -> PairSource:
        events = CameraSource(self.events.backend.open, None, settings, backoff_s=QUICK)
        return PairSource(events, CameraSource(self.frames.backend.open, None, settings, backoff_s=QUICK))

    def unplug(self) -> None:
        self.events.unplug()
        self.frames.unplug()

    def replug(self) -> None:
        self.events.replug()
        self.frames.replug()

    def heard(self) -> Any:
        return self.events.heard(), self.frames.heard()


class NetworkRig(Rig):
    def __init__(self, rate: float = 1e5, seconds: float = 20.0) -> None:
        self.server = Server(rate, seconds)
        super().__init__(None, NetworkBackend())
        self.serial = self.server.address

    def unplug(self) -> None:
        self.server.stop()

    def replug(self) -> None:
        self.server.start()

    def close(self) -> None:
        self.server.stop()


RIGS: dict[str, Callable[[], Rig]] = {
    "davis": DavisRig,
    "prophesee": PropheseeRig,
    "webcam": WebcamRig,
    "webcam without events": lambda: WebcamRig(emulate=False),
    "network": NetworkRig,
    "pair": PairRig,
}


@pytest.fixture(params=RIGS)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    built = RIGS[request.param]()
    with contextlib.closing(built):
        yield built
