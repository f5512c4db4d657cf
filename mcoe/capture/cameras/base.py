"""What a camera backend is: a device behind one narrow interface, with its abilities and settings stated."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import NamedTuple, Protocol

from mcoe.core.errors import McoeError
from mcoe.events.packets import Packet


class Support(Enum):
    """Whether a device can do something; ``UNKNOWN`` until it has been asked for and read back."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a device can do.

    Attributes:
        frames, events: what it delivers.
        exposure: the exposure time can be set.
        biases: it takes a sensitivity preset (:data:`SENSITIVITIES`).
        roi: it can be told to send a region of the sensor only.
        hardware_time: its packets are stamped by the device, not by their arrival.
    """

    frames: Support = Support.UNKNOWN
    events: Support = Support.UNKNOWN
    exposure: Support = Support.UNKNOWN
    biases: Support = Support.UNKNOWN
    roi: Support = Support.UNKNOWN
    hardware_time: Support = Support.UNKNOWN


#: Presets of an event sensor's contrast threshold, from few events to many.
SENSITIVITIES = ("very low", "low", "default", "high", "very high")


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """What is asked of a camera, or what it answers; None means leave it, or not told.

    Attributes:
        exposure_us: exposure time, µs; setting it ends automatic exposure.
        auto_exposure: let the camera choose the exposure.
        sensitivity: one of :data:`SENSITIVITIES`.
        roi: ``(x, y, width, height)`` of the sensor to send, pixels.
        size: ``(width, height)`` of the frames, pixels (webcam, while it opens).
        fps: frames per second.
    """

    exposure_us: int | None = None
    auto_exposure: bool | None = None
    sensitivity: str | None = None
    roi: tuple[int, int, int, int] | None = None
    size: tuple[int, int] | None = None
    fps: float | None = None

    def __post_init__(self) -> None:
        if self.sensitivity is not None and self.sensitivity not in SENSITIVITIES:
            raise McoeError(
                f"The sensitivity {self.sensitivity!r} is unknown; choose one of {', '.join(SENSITIVITIES)}."
            )

    def updated(self, newer: CameraSettings) -> CameraSettings:
        """Return these settings with every field that ``newer`` states replaced."""
        stated = {f.name: getattr(newer, f.name) for f in fields(newer) if getattr(newer, f.name) is not None}
        if "exposure_us" in stated and "auto_exposure" not in stated:
            stated["auto_exposure"] = False
        return replace(self, **stated)


@dataclass(frozen=True, slots=True)
class CameraListing:
    """One line of ``--list-cameras``: a device found, or a backend that cannot be used and the reason.

    Attributes:
        backend: its kind's name, see :func:`mcoe.capture.cameras.kinds.camera_kinds`.
        name: the device's name; the backend's when no device was found.
        serial: what ``--serial`` takes (``--rgb`` for a webcam); None where there is none.
        available: whether it can be opened now.
        reason: why not; None when available.
        capabilities: what such a device can do.
    """

    backend: str
    name: str
    serial: str | None
    available: bool
    reason: str | None
    capabilities: Capabilities


class DeviceLost(Exception):
    """The device stopped answering (unplugged, server gone); opening it again may help."""


class Arrival(NamedTuple):
    """A packet with device times and the host time, µs (:func:`host_now_us`), at which it reached this computer."""

    packet: Packet
    host_us: int


class Device(Protocol):
    """An open device. Everything is called from one thread; times are the device's own, µs.

    Attributes:
        name: what to show a user.
        serial: finds this very device again after it was unplugged; None if any will do.
        size: ``(width, height)``, pixels.
        in_order: frames and events come ordered by their ends already.
        dropped: packets that the driver lost before they could be polled, where it tells.
    """

    @property
    def name(self) -> str: ...

    @property
    def serial(self) -> str | None: ...

    @property
    def size(self) -> tuple[int, int]: ...

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def in_order(self) -> bool: ...

    @property
    def dropped(self) -> int: ...

    def apply(self, settings: CameraSettings) -> CameraSettings:
        """Set what is stated and possible; return what the device reports afterwards. Raises DeviceLost."""
        ...

    def poll(self, timeout_s: float) -> list[Arrival]:
        """Return what has come, waiting up to ``timeout_s`` for the first; [] if nothing did. Raises DeviceLost."""
        ...

    def close(self) -> None:
        """Release the device. A second call does nothing."""
        ...


class Backend(Protocol):
    """A kind of camera. A backend whose library is missing raises McoeError from ``open``, never on import."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def find(self) -> list[CameraListing]:
        """List the devices; a missing library or failing listing is one unavailable entry with the reason."""
        ...

    def open(self, serial: str | None, settings: CameraSettings) -> Device:
        """Open a device.

        Args:
            serial: which: its serial, its number or its address, as its kind tells its devices apart; None: the first.
            settings: what to ask of it while it opens.

        Raises:
            McoeError: there is none, or it cannot be opened.
        """
        ...


@dataclass(frozen=True, slots=True)
class Address:
    """How cameras are called that cannot be looked for.

    Attributes:
        form: for help texts, e.g. ``tcp://HOST:PORT``.
        example: one that could be right.
        leads_to: what is behind such an address, in words.
        check: raises McoeError for an address that cannot be right.
    """

    form: str
    example: str
    leads_to: str
    check: Callable[[str], object]

    @property
    def scheme(self) -> str:
        """What every such address begins with, e.g. ``tcp://``."""
        name, separator, _ = self.form.partition("://")
        return name + separator


@dataclass(frozen=True, slots=True)
class CameraKind:
    """A kind of camera, ``KIND`` in its backend's module.

    Attributes:
        name: what ``--camera`` takes, unless there is an address.
        capabilities: what such a device can do, as far as is known before one is open.
        backend: returns what finds and opens such cameras.
        address: where its devices are called by an address, which takes the name's place: of what form. They have no
            serials then.
        numbered: its devices are told apart by a number, 0 the first, instead of a serial.
        beside: returns a backend for frames alone, to stand beside an event camera; None where it cannot. One kind has
            it: the one whose devices ``--rgb`` counts.
    """

    name: str
    capabilities: Capabilities
    backend: Callable[[], Backend]
    address: Address | None = None
    numbered: bool = False
    beside: Callable[[], Backend] | None = None

    @property
    def called(self) -> str:
        """What ``--camera`` takes, for help texts."""
        return self.name if self.address is None else self.address.form


def host_now_us() -> int:
    """Return the host's clock, µs; it never jumps, unlike the time of day."""
    return time.monotonic_ns() // 1000
