"""iniVation cameras (DAVIS, DVXplorer, DVS128) through dv-processing 2, ``dv.io.camera``."""

from __future__ import annotations

import time
from datetime import timedelta
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcoe.capture.cameras.base import (
    SENSITIVITIES,
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
from mcoe.events.packets import Frame

YES, NO, UNKNOWN = Support.YES, Support.NO, Support.UNKNOWN

KIND = CameraKind(
    "davis",
    Capabilities(frames=UNKNOWN, events=YES, exposure=UNKNOWN, biases=UNKNOWN, roi=YES, hardware_time=YES),
    backend=lambda: DavisBackend(),
)
#: A contrast threshold is κ·ln(I_on / I_diff): each preset doubles or halves the threshold currents.
_CURRENT = dict(zip(SENSITIVITIES, (4.0, 2.0, 1.0, 0.5, 0.25), strict=True))
#: DVXplorer: steps added to both contrast thresholds (larger is less sensitive).
_STEPS = dict(zip(SENSITIVITIES, (4, 2, 0, -2, -4), strict=True))
#: Batches taken in one poll at most, so that settings and close are never starved.
_BATCHES = 64


class DavisBackend:
    """Finds and opens iniVation cameras.

    Args:
        camera_api: stands in for the module ``dv_processing.io.camera`` in tests.
    """

    name, capabilities = KIND.name, KIND.capabilities

    def __init__(self, camera_api: Any = None) -> None:
        self._camera_api = camera_api

    def _api(self) -> Any:
        return self._camera_api if self._camera_api is not None else _dv_camera()

    def find(self) -> list[CameraListing]:
        try:
            found = self._api().discover()
        except McoeError as error:
            return [CameraListing(self.name, self.name, None, False, str(error), self.capabilities)]
        except Exception as error:
            reason = f"dv-processing cannot list USB cameras ({error})"
            return [CameraListing(self.name, self.name, None, False, reason, self.capabilities)]
        if not found:
            return [CameraListing(self.name, self.name, None, False, "no camera is plugged in", self.capabilities)]
        return [
            CameraListing(self.name, d.cameraModel.name, d.serialNumber, True, None, self.capabilities) for d in found
        ]

    def open(self, serial: str | None, settings: CameraSettings) -> DavisDevice:
        api = self._api()
        try:
            found = api.discover()
            chosen = [d for d in found if serial is None or d.serialNumber == serial]
            if not chosen:
                there = ", ".join(d.serialNumber for d in found) or "none"
                wanted = "No iniVation camera" if serial is None else f"No iniVation camera with serial {serial}"
                raise McoeError(f"{wanted} is plugged in (found: {there}); check the cable and --list-cameras.")
            return DavisDevice(api.open(chosen[0]))
        except (RuntimeError, IndexError, ValueError) as error:
            raise McoeError(
                f"The iniVation camera {serial or ''} cannot be opened ({error}); close other programs that use it "
                "and check the udev rules."
            ) from error


class DavisDevice:
    """One open camera. ``camera`` is a ``dv.io.camera.CameraInputBase``."""

    in_order = False
    dropped = 0  # the library does not tell

    def __init__(self, camera: Any) -> None:
        self._camera: Any = camera
        self.name = str(camera.getCameraName())
        self.serial: str | None = str(camera.getSerialNumber())
        self._has_frames = bool(camera.isFrameStreamAvailable())
        resolution = camera.getEventResolution() or camera.getFrameResolution()
        if resolution is None:
            raise McoeError(f"{self.name} does not tell its resolution; update its firmware.")
        self.size = (int(resolution[0]), int(resolution[1]))
        self._is_davis = hasattr(camera, "setExposureDuration")
        self._threshold = _Thresholds.of(camera)
        self._sensitivity = "default" if self._threshold is not None else None
        self.capabilities = Capabilities(
            frames=YES if self._has_frames else NO,
            events=YES if camera.isEventStreamAvailable() else NO,
            exposure=YES if self._is_davis and self._has_frames else NO,
            biases=YES if self._threshold is not None else NO,
            roi=YES,
            hardware_time=YES,
        )

    def apply(self, settings: CameraSettings) -> CameraSettings:
        camera = self._camera
        try:
            if self._is_davis:
                if settings.auto_exposure is not None:
                    camera.setAutoExposure(settings.auto_exposure)
                if settings.exposure_us is not None:
                    camera.setExposureDuration(timedelta(microseconds=settings.exposure_us))
                if settings.fps is not None:
                    camera.setFrameInterval(timedelta(seconds=1 / settings.fps))
            if settings.roi is not None:
                if self._is_davis:
                    camera.setCropAreaEvents(settings.roi)
                    camera.setCropAreaFrames(settings.roi)
                else:
                    camera.setCropArea(settings.roi)
            if settings.sensitivity is not None and self._threshold is not None:
                self._threshold.set(settings.sensitivity)
                self._sensitivity = settings.sensitivity
            return self._report()
        except RuntimeError as error:
            raise DeviceLost(f"{self.name} does not take settings any more ({error})") from error
        except (ValueError, TypeError, OverflowError) as error:
            raise McoeError(f"{self.name} refused the settings ({error}); choose values inside its limits.") from error

    def _report(self) -> CameraSettings:
        camera = self._camera
        roi = camera.getCropAreaEvents() if self._is_davis else camera.getCropArea()
        x, y, width, height = (int(v) for v in roi)
        if not self._is_davis:
            return CameraSettings(roi=(x, y, width, height), sensitivity=self._sensitivity)
        interval = camera.getFrameInterval().total_seconds()
        return CameraSettings(
            exposure_us=round(camera.getExposureDuration().total_seconds() * 1e6),
            auto_exposure=bool(camera.getAutoExposure()),
            sensitivity=self._sensitivity,
            roi=(x, y, width, height),
            size=self.size if self._has_frames else None,
            fps=1 / interval if interval > 0 else None,
        )

    def poll(self, timeout_s: float) -> list[Arrival]:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                arrivals = self._drain()
                if arrivals:
                    return arrivals
                if not self._camera.isRunning():
                    raise DeviceLost(f"{self.name} was unplugged")
            except (RuntimeError, IndexError) as error:
                raise DeviceLost(f"{self.name} stopped answering ({error})") from error
            if time.monotonic() >= deadline:
                return []
            time.sleep(0.001)

    def _drain(self) -> list[Arrival]:
        arrivals = []
        for _ in range(_BATCHES):
            store = self._camera.getNextEventBatch()
            if store is None:
                break
            if store.size():
                arrivals.append(Arrival(store.numpy(), host_now_us()))
        while self._has_frames and (frame := self._camera.getNextFrame()) is not None:
            arrivals.append(Arrival(self._frame(frame), host_now_us()))
        return arrivals

    def _frame(self, frame: Any) -> Frame:
        image: NDArray[np.uint8] = np.asarray(frame.image)
        if image.ndim == 3:
            image = np.ascontiguousarray(image[..., ::-1])  # dv gives BGR
        width, height = self.size
        if image.shape[:2] != (height, width):
            # A cropped frame goes where it lies on the sensor, so that frames and events keep one coordinate system.
            whole = np.zeros((height, width, *image.shape[2:]), np.uint8)
            x, y = int(frame.positionX), int(frame.positionY)
            whole[y : y + image.shape[0], x : x + image.shape[1]] = image[: height - y, : width - x]
            image = whole
        start = int(frame.timestamp)
        return Frame(image, start, start + round(frame.exposure.total_seconds() * 1e6))

    def close(self) -> None:
        # The binding has no close: the device is released with its last reference.
        self._camera = None


class _Thresholds:
    """The ON and OFF contrast thresholds, moved relative to the values the camera opened with."""

    def __init__(self, camera: Any, biases: Any) -> None:
        self._camera, self._biases = camera, biases
        if biases is None:
            self._start = (int(camera.getContrastThresholdOn()), int(camera.getContrastThresholdOff()))
        else:
            self._on = camera.getDavis346BiasCoarseFine(biases.On)
            self._off = camera.getDavis346BiasCoarseFine(biases.Off)

    @classmethod
    def of(cls, camera: Any) -> _Thresholds | None:
        if hasattr(camera, "setContrastThresholdOn"):
            return cls(camera, None)
        biases = getattr(camera, "Davis346BiasCF", None)
        if biases is not None and camera.getSensorModel().name == "DAVIS346":
            return cls(camera, biases)
        return None

    def set(self, sensitivity: str) -> None:
        if self._biases is None:
            step = _STEPS[sensitivity]
            self._camera.setContrastThresholdOn(max(0, self._start[0] + step))
            self._camera.setContrastThresholdOff(max(0, self._start[1] + step))
            return
        scale = _CURRENT[sensitivity]
        for bias, (coarse, fine), factor in (
            (self._biases.On, self._on, scale),
            (self._biases.Off, self._off, 1 / scale),
        ):
            self._camera.setDavis346BiasCoarseFine(bias, coarse, min(255, max(1, round(fine * factor))))


def _dv_camera() -> ModuleType:
    try:
        import dv_processing
    except ImportError as error:
        raise McoeError(f"dv-processing is not installed ({error}); run: pip install dv-processing") from error
    camera: ModuleType = dv_processing.io.camera
    return camera
