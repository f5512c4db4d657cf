"""A camera's name as one string, so that whatever opens recordings by path can open cameras too."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode

_SCHEME = "camera:"


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """What ``--camera``, ``--serial`` and ``--rgb`` say.

    Attributes:
        name: ``davis``, ``prophesee``, ``webcam`` or ``tcp://HOST:PORT``.
        serial: which of several; None for the first.
        rgb: number of the webcam beside it, or of the one that ``webcam`` opens; None for none.
    """

    name: str
    serial: str | None = None
    rgb: str | None = None

    @classmethod
    def parse(cls, path: str) -> CameraSpec | None:
        """Return the camera that ``path`` means: ``camera:NAME?serial=S&rgb=N`` or a bare address; None for a file."""
        if path.startswith("tcp://"):
            return cls(path)
        if not path.startswith(_SCHEME):
            return None
        name, _, query = path.removeprefix(_SCHEME).partition("?")
        told = parse_qs(query)
        serial, rgb = (told.get(key, [None])[-1] for key in ("serial", "rgb"))
        return cls(name, serial, rgb)

    @property
    def path(self) -> str:
        """The string that :meth:`parse` reads."""
        told = {key: value for key in ("serial", "rgb") if (value := getattr(self, key)) is not None}
        return f"{_SCHEME}{self.name}" + (f"?{urlencode(told)}" if told else "")

    @property
    def words(self) -> str:
        """What to call it before it is open."""
        if self.name == "webcam":
            return f"webcam {self.rgb or self.serial or '0'}"
        camera = self.name if "://" in self.name else f"{self.name} camera"
        which = f" {self.serial}" if self.serial else ""
        return f"{camera}{which}" + (f" and webcam {self.rgb}" if self.rgb is not None else "")
