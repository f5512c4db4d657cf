"""Stand-ins for the driver libraries, made of their real types; ``test_surface.py`` holds them to the real ones.

Every fake hardware runs on a clock of its own, delivers a packet about every 5 ms, and can be unplugged and plugged
in again, upon which its clock starts anew.
"""

from __future__ import annotations

import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import cv2
import dv_processing as dv
import neuromorphic_drivers as nd
import numpy as np

PACKET_S = 0.005
EVENTS = 100


class Pace:
    """Whether the next packet is due; packets that nobody took in time are not made up for."""

    def __init__(self, interval_s: float = PACKET_S) -> None:
        self._interval_s = interval_s
        self._next = time.monotonic()
        self.start = time.monotonic()

    def due(self) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._interval_s
        return True

    def now_us(self, base: int = 0) -> int:
        return base + round((time.monotonic() - self.start) * 1e6)


class FakeDavis:
    """What ``dv.io.camera.open`` returns for a DAVIS346."""

    Davis346BiasCF = dv.io.camera.DAVIS.Davis346BiasCF

    def __init__(self, hardware: FakeDvCamera) -> None:
        self._hardware = hardware
        self._events, self._frames = Pace(), Pace(0.02)
        self._state: dict[str, Any] = {
            "auto": True,
            "exposure": timedelta(milliseconds=5),
            "interval": timedelta(milliseconds=25),
            "crop": (0, 0, 346, 260),
            "crop_events": (0, 0, 346, 260),
            "biases": {self.Davis346BiasCF.On: (5, 64), self.Davis346BiasCF.Off: (4, 32)},
        }
        hardware.state = self._state
        self._last_us = 0

    def getCameraName(self) -> str:
        return "DAVIS346_00000336"

    def getSerialNumber(self) -> str:
        return "00000336"

    def getSensorModel(self) -> Any:
        return dv.io.camera.DAVIS.SensorModel.DAVIS346

    def getEventResolution(self) -> tuple[int, int]:
        return (346, 260)

    def getFrameResolution(self) -> tuple[int, int]:
        return (346, 260)

    def isEventStreamAvailable(self) -> bool:
        return True

    def isFrameStreamAvailable(self) -> bool:
        return True

    def isRunning(self) -> bool:
        return self._hardware.plugged

    def getNextEventBatch(self) -> Any:
        if not self._hardware.plugged or not self._events.due():
            return None
        store, now = dv.EventStore(), self._events.now_us(self._hardware.base_us)
        for t in np.linspace(self._last_us or now - 1000, now, EVENTS).astype(int):
            store.push_back(int(t), int(t) % 346, int(t) % 260, bool(t % 2))
        self._last_us = now
        return store

    def getNextFrame(self) -> Any:
        if not self._hardware.plugged or not self._frames.due():
            return None
        # Read out some time after the exposure, as the sensor does.
        start = self._frames.now_us(self._hardware.base_us) - 12_000
        x, y, width, height = self._state["crop"]
        exposure = round(self._state["exposure"].total_seconds() * 1e6)
        return dv.Frame(start, exposure, x, y, np.full((height, width), 90, np.uint8), dv.FrameSource.SENSOR)

    def setAutoExposure(self, enabled: bool) -> None:
        assert isinstance(enabled, bool)
        self._state["auto"] = enabled

    def getAutoExposure(self) -> bool:
        return self._state["auto"]

    def setExposureDuration(self, exposureDurationUs: timedelta) -> None:
        assert isinstance(exposureDurationUs, timedelta)
        self._state["exposure"] = exposureDurationUs

    def getExposureDuration(self) -> timedelta:
        return self._state["exposure"]

    def setFrameInterval(self, frameIntervalUs: timedelta) -> None:
        assert isinstance(frameIntervalUs, timedelta)
        self._state["interval"] = frameIntervalUs

    def getFrameInterval(self) -> timedelta:
        return self._state["interval"]

    def setCropAreaEvents(self, cropAreaEvents: tuple[int, int, int, int]) -> None:
        self._state["crop_events"] = tuple(cropAreaEvents)

    def getCropAreaEvents(self) -> tuple[int, int, int, int]:
        return self._state["crop_events"]

    def setCropAreaFrames(self, cropAreaFrames: tuple[int, int, int, int]) -> None:
        self._state["crop"] = tuple(cropAreaFrames)

    def getDavis346BiasCoarseFine(self, bias: Any) -> tuple[int, int]:
        return self._state["biases"][bias]

    def setDavis346BiasCoarseFine(self, bias: Any, coarse: int, fine: int) -> None:
        assert 0 <= coarse <= 7
        assert 0 <= fine <= 255
        self._state["biases"][bias] = (coarse, fine)


class FakeDvxplorer:
    """What ``dv.io.camera.open`` returns for a DVXplorer: events alone, thresholds in steps."""

    def __init__(self) -> None:
        self.thresholds, self.crop = [9, 8], (0, 0, 640, 480)

    def getCameraName(self) -> str:
        return "DVXplorer_DXA00093"

    def getSerialNumber(self) -> str:
        return "DXA00093"

    def getEventResolution(self) -> tuple[int, int]:
        return (640, 480)

    def isEventStreamAvailable(self) -> bool:
        return True

    def isFrameStreamAvailable(self) -> bool:
        return False

    def setContrastThresholdOn(self, contrastThresholdOn: int) -> None:
        self.thresholds[0] = contrastThresholdOn

    def setContrastThresholdOff(self, contrastThresholdOff: int) -> None:
        self.thresholds[1] = contrastThresholdOff

    def getContrastThresholdOn(self) -> int:
        return self.thresholds[0]

    def getContrastThresholdOff(self) -> int:
        return self.thresholds[1]

    def setCropArea(self, cropAreaEvents: tuple[int, int, int, int]) -> None:
        self.crop = tuple(cropAreaEvents)

    def getCropArea(self) -> tuple[int, int, int, int]:
        return self.crop


class FakeDvCamera:
    """The module ``dv.io.camera``."""

    def __init__(self) -> None:
        self.plugged, self.base_us, self.state = True, 1_700_000_000_000_000, {}

    def discover(self) -> list[Any]:
        model = dv.io.camera.CameraModel.DAVIS
        return [SimpleNamespace(cameraModel=model, serialNumber="00000336")] if self.plugged else []

    def open(self, descriptor: Any) -> FakeDavis:
        if not self.plugged:
            raise RuntimeError("device was removed")
        assert descriptor.serialNumber == "00000336"
        return FakeDavis(self)


class FakeProphesee:
    """What ``nd.open(iterator_timeout=…)`` returns."""

    def __init__(self, hardware: FakeDrivers, configuration: Any) -> None:
        self._hardware, self._pace, self._last_us = hardware, Pace(), 0
        self.update_configuration(configuration)

    def name(self) -> Any:
        return nd.Name.PROPHESEE_EVK4

    def serial(self) -> str:
        return "00051500"

    def properties(self) -> Any:
        return nd.prophesee_evk4.Properties()

    def biases_bounds(self) -> Any:
        bounds = nd.prophesee_evk4.Bounds(-35, 190)
        return nd.prophesee_evk4.BiasesBounds(diff_on=nd.prophesee_evk4.Bounds(-85, 140), diff_off=bounds)

    def update_configuration(self, configuration: Any) -> None:
        if not self._hardware.plugged:
            raise RuntimeError("LIBUSB_ERROR_NO_DEVICE")
        assert isinstance(configuration, nd.prophesee_evk4.Configuration)
        configuration.serialize()  # the real serialiser refuses wrong types and ranges
        self._hardware.configuration = configuration

    def __next__(self) -> tuple[Any, Any]:
        time.sleep(0.002)
        if not self._hardware.plugged:
            raise RuntimeError("LIBUSB_TRANSFER_NO_DEVICE")
        if not self._pace.due():
            return nd.status.Status(system_time=time.time(), ring=None), None
        now = self._pace.now_us()
        events = np.zeros(EVENTS, [("t", "<u8"), ("x", "<u2"), ("y", "<u2"), ("on", "?")])
        events["t"] = np.linspace(self._last_us, now, EVENTS)
        events["x"], events["y"], events["on"] = events["t"] % 1280, events["t"] % 720, events["t"] % 2
        self._last_us = now
        ring = nd.status.RingStatus(time.time() - 0.001, 0, 1, False, now, 0)
        return nd.status.Status(system_time=time.time(), ring=ring), SimpleNamespace(polarity_events=events)

    def close(self) -> None:
        self._hardware.closed += 1


class FakeDrivers:
    """The module ``neuromorphic_drivers``."""

    prophesee_evk4 = nd.prophesee_evk4

    def __init__(self) -> None:
        self.plugged, self.closed, self.configuration = True, 0, None
        self.fails: RuntimeError | None = None

    def list_devices(self) -> list[Any]:
        if self.fails is not None:
            raise self.fails
        usb = nd.Connection.USB_SUPER
        davis = nd.ListedDevice(nd.Name.INIVATION_DAVIS346, usb, "1:2", "00000336", None)
        evk4 = nd.ListedDevice(nd.Name.PROPHESEE_EVK4, usb, "1:3", "00051500", None)
        return [davis, evk4] if self.plugged else [davis]

    def open(self, *, configuration: Any, iterator_timeout: float, serial: str) -> FakeProphesee:
        assert serial == "00051500"
        assert iterator_timeout > 0
        return FakeProphesee(self, configuration)


class FakeWebcams:
    """``cv2.VideoCapture`` and the one webcam behind it."""

    def __init__(self, obeys: bool = True, size: tuple[int, int] = (320, 240)) -> None:
        self.plugged, self.obeys, self.size = True, obeys, size
        self.asked: dict[int, float] = {}

    def __call__(self, number: int, backend: int) -> FakeCapture:
        return FakeCapture(self, number)


class FakeCapture:
    def __init__(self, hardware: FakeWebcams, number: int) -> None:
        self._hardware, self._open = hardware, hardware.plugged and number == 0
        self._pace, self._stamp = Pace(0.01), 0.0
        hardware.asked = {}

    def isOpened(self) -> bool:
        return self._open

    def getBackendName(self) -> str:
        return "V4L2"

    def set(self, prop: int, value: float) -> bool:
        self._hardware.asked[prop] = float(value)
        return True

    def get(self, prop: int) -> float:
        if prop == cv2.CAP_PROP_POS_MSEC:
            return self._stamp
        if prop == cv2.CAP_PROP_FPS:
            return 100.0
        if prop in (cv2.CAP_PROP_EXPOSURE, cv2.CAP_PROP_AUTO_EXPOSURE) and self._hardware.obeys:
            return self._hardware.asked.get(prop, 0.0)
        return 0.0

    def read(self) -> tuple[bool, Any]:
        while self._hardware.plugged and not self._pace.due():
            time.sleep(0.001)
        if not self._hardware.plugged or not self._open:
            return False, None
        self._stamp = time.monotonic() * 1e3
        width, height = self._hardware.size
        image = np.zeros((height, width, 3), np.uint8)
        image[:, int(self._stamp / 10) % width] = (200, 100, 50)  # blue, green, red
        return True, image

    def release(self) -> None:
        self._open = False


class EdgeEmulator:
    """Two events per frame: enough for the contract; the real emulator has its own tests."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._last_us: int | None = None

    def step(self, gray: np.ndarray, t_us: int) -> np.ndarray:
        from mcoe.events.packets import empty_events, make_events

        last, self._last_us = self._last_us, t_us
        return empty_events() if last is None else make_events([last + 1, t_us], [1, 2], [3, 4], [1, 0])
