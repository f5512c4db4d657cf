"""A camera's name as one string, so that whatever opens recordings by path can open cameras too."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode

from mcoe.capture.cameras.base import CameraListing
from mcoe.capture.cameras.kinds import camera_kinds, frame_kind, kind_of

_SCHEME = "camera:"


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """What ``--camera``, ``--serial`` and ``--rgb`` say.

    Attributes:
        name: of a kind of camera (:func:`~mcoe.capture.cameras.kinds.camera_kinds`), or an address.
        serial: which of several; None for the first.
        rgb: number of the webcam beside it, or of the one that ``webcam`` opens; None for none.
    """

    name: str
    serial: str | None = None
    rgb: str | None = None

    @classmethod
    def parse(cls, path: str) -> CameraSpec | None:
        """Return the camera that ``path`` means: ``camera:NAME?serial=S&rgb=N`` or a bare address; None for a file."""
        if any(kind.address and path.startswith(kind.address.scheme) for kind in camera_kinds().values()):
            return cls(path)
        if not path.startswith(_SCHEME):
            return None
        name, _, query = path.removeprefix(_SCHEME).partition("?")
        told = parse_qs(query)
        serial, rgb = (told.get(key, [None])[-1] for key in ("serial", "rgb"))
        return cls(name, serial, rgb)

    @classmethod
    def of(cls, listing: CameraListing, address: str = "", rgb: str | None = None) -> CameraSpec:
        """Return the camera that was chosen from :func:`~mcoe.capture.cameras.opening.list_cameras`.

        Args:
            listing: what was chosen.
            address: its address, where its kind is called by one.
            rgb: number of a webcam to stand beside it; of no meaning for a webcam.
        """
        kind = camera_kinds()[listing.backend]
        if kind.beside is not None:
            return cls(kind.name, None, listing.serial)
        return cls(kind.name if kind.address is None else address.strip(), listing.serial, rgb)

    def check(self) -> None:
        """Raise McoeError if there is no such kind of camera, or its address cannot be right."""
        kind = kind_of(self.name)
        if kind.address is not None:
            kind.address.check(self.name)

    @property
    def path(self) -> str:
        """The string that :meth:`parse` reads."""
        told = {key: value for key in ("serial", "rgb") if (value := getattr(self, key)) is not None}
        return f"{_SCHEME}{self.name}" + (f"?{urlencode(told)}" if told else "")

    @property
    def words(self) -> str:
        """What to call it before it is open."""
        kind = camera_kinds().get(self.name)
        if kind is not None and kind.numbered:
            return f"{self.name} {self.rgb or self.serial or '0'}"
        camera = self.name if "://" in self.name else f"{self.name} camera"
        which = f" {self.serial}" if self.serial else ""
        return f"{camera}{which}" + (f" and {frame_kind().name} {self.rgb}" if self.rgb is not None else "")
