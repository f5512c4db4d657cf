"""Prophesee cameras (EVK4, EVK3 HD, SilkyEvCam, Triton2) through neuromorphic-drivers, without the vendor's SDK."""

from __future__ import annotations

from dataclasses import fields, replace
from types import ModuleType
from typing import Any

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
from mcoe.events.packets import make_events

KIND = CameraKind(
    "prophesee",
    Capabilities(
        frames=Support.NO,
        events=Support.YES,
        exposure=Support.NO,
        biases=Support.YES,
        roi=Support.UNKNOWN,
        hardware_time=Support.YES,
    ),
    backend=lambda: PropheseeBackend(),
)
#: neuromorphic_drivers.Name member → its module with Configuration and Biases.
_MODULES = {
    "PROPHESEE_EVK4": "prophesee_evk4",
    "PROPHESEE_EVK3_HD": "prophesee_evk3_hd",
    "CENTURYARKS_VGA": "centuryarks_vga",
    "LUCID_TRITON": "lucid_triton",
}
#: Biases counted from the factory's (IMX636): added to both thresholds; larger is less sensitive.
_OFFSETS = dict(zip(SENSITIVITIES, (60, 30, 0, -15, -30), strict=True))
#: Absolute biases: the distance of diff_on and diff_off from diff is scaled.
_SCALES = dict(zip(SENSITIVITIES, (1.6, 1.3, 1.0, 0.75, 0.5), strict=True))
#: Longest wait inside the driver, s; it is set once, when the device opens.
_WAIT_S = 0.01


class PropheseeBackend:
    """Finds and opens Prophesee cameras.

    Args:
        drivers: stands in for the module ``neuromorphic_drivers`` in tests.
    """

    name, capabilities = KIND.name, KIND.capabilities

    def __init__(self, drivers: Any = None) -> None:
        self._drivers_module = drivers

    def _drivers(self) -> Any:
        return self._drivers_module if self._drivers_module is not None else _neuromorphic_drivers()

    def _devices(self) -> list[Any]:
        # Without USB even listing raises ("Other error").
        drivers = self._drivers()
        try:
            return [d for d in drivers.list_devices() if d.name.name in _MODULES]
        except RuntimeError as error:
            raise McoeError(
                f"USB devices cannot be listed ({error}); check that this computer has USB and that you may use it "
                "(neuromorphic-drivers-install-udev-rules)."
            ) from error

    def find(self) -> list[CameraListing]:
        try:
            devices = self._devices()
        except McoeError as error:
            return [CameraListing(self.name, self.name, None, False, str(error), self.capabilities)]
        if not devices:
            return [CameraListing(self.name, self.name, None, False, "no camera is plugged in", self.capabilities)]
        return [
            CameraListing(self.name, d.name.value, d.serial, d.error is None, d.error, self.capabilities)
            for d in devices
        ]

    def open(self, serial: str | None, settings: CameraSettings) -> PropheseeDevice:
        devices = self._devices()
        chosen = [d for d in devices if serial is None or d.serial == serial]
        if not chosen:
            there = ", ".join(str(d.serial) for d in devices) or "none"
            wanted = "No Prophesee camera" if serial is None else f"No Prophesee camera with serial {serial}"
            raise McoeError(f"{wanted} is plugged in (found: {there}); check the cable and --list-cameras.")
        drivers, listed = self._drivers(), chosen[0]
        module = getattr(drivers, _MODULES[listed.name.name])
        try:
            device = drivers.open(configuration=module.Configuration(), iterator_timeout=_WAIT_S, serial=listed.serial)
        except RuntimeError as error:
            raise McoeError(
                f"{listed.name.value} {listed.serial or ''} cannot be opened ({error}); close other programs that use "
                "it and run neuromorphic-drivers-install-udev-rules."
            ) from error
        return PropheseeDevice(device, module)


class PropheseeDevice:
    """One open camera: ``device`` is a ``neuromorphic_drivers.GenericDeviceOptional``, ``module`` its kind's module."""

    in_order = True

    def __init__(self, device: Any, module: Any) -> None:
        self._device, self._module = device, module
        self.dropped = 0
        self.serial: str | None = str(device.serial())
        self.name = f"{device.name().value} {self.serial}"
        properties = device.properties()
        self.size = (int(properties.width), int(properties.height))
        self._bounds = device.biases_bounds()
        self._configuration = module.Configuration()
        roi = hasattr(module, "RowColumnMask")
        self.capabilities = replace(KIND.capabilities, roi=Support.YES if roi else Support.NO)
        self._applied = CameraSettings(sensitivity="default", roi=(0, 0, *self.size))

    def apply(self, settings: CameraSettings) -> CameraSettings:
        """Set sensitivity and region. The device cannot be asked: the answer is what it took without an error."""
        if settings.sensitivity is not None:
            self._configuration.biases = self._biases(settings.sensitivity)
            self._applied = replace(self._applied, sensitivity=settings.sensitivity)
        if settings.roi is not None and self.capabilities.roi is Support.YES:
            mask = self._module.RowColumnMask(set=True)
            mask.clear_rectangle(*self._inside(settings.roi))
            self._configuration.x_mask, self._configuration.y_mask = mask.x_mask(), mask.y_mask()
            self._applied = replace(self._applied, roi=self._inside(settings.roi))
        try:
            self._device.update_configuration(self._configuration)
        except RuntimeError as error:
            raise DeviceLost(f"{self.name} does not take settings any more ({error})") from error
        return self._applied

    def _inside(self, roi: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        (x, y, width, height), (right, bottom) = roi, self.size
        x, y = min(max(x, 0), right - 1), min(max(y, 0), bottom - 1)
        return x, y, min(max(width, 1), right - x), min(max(height, 1), bottom - y)

    def _biases(self, sensitivity: str) -> Any:
        biases = self._module.Biases()
        relative = all(getattr(biases, f.name) == 0 for f in fields(biases))
        for name in ("diff_on", "diff_off"):
            if relative:
                value = _OFFSETS[sensitivity]
            else:
                value = round(biases.diff + (getattr(biases, name) - biases.diff) * _SCALES[sensitivity])
            bounds = getattr(self._bounds, name)
            if bounds.maximum > bounds.minimum:
                value = min(max(value, bounds.minimum), bounds.maximum)
            setattr(biases, name, value)
        return biases

    def poll(self, timeout_s: float) -> list[Arrival]:
        try:
            status, packet = next(self._device)
        except (RuntimeError, StopIteration) as error:
            raise DeviceLost(f"{self.name} stopped answering ({error})") from error
        if status.ring is not None:
            self.dropped = int(status.ring.dropped_packets)
        if packet is None or packet.polarity_events is None or not len(packet.polarity_events):
            return []
        raw = packet.polarity_events
        # When the USB packet came, not when we read it: both stamps are of the driver's clock.
        delay_us = round((status.system_time - status.ring.system_time) * 1e6)
        return [Arrival(make_events(raw["t"], raw["x"], raw["y"], raw["on"]), host_now_us() - delay_us)]

    def close(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            device.close()


def _neuromorphic_drivers() -> ModuleType:
    try:
        import neuromorphic_drivers
    except ImportError as error:
        raise McoeError(
            f"neuromorphic-drivers is not installed ({error}); run: pip install neuromorphic-drivers"
        ) from error
    module: ModuleType = neuromorphic_drivers
    return module
