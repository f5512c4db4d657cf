"""What is kept between runs: one versioned, validated file with one owner."""

from __future__ import annotations

import json
import logging
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from zlib import crc32

from PySide6.QtCore import QObject, QTimer, Signal

from mcoe.core.device import DEVICES
from mcoe.core.files import private_folder, write_json

log = logging.getLogger(__name__)

#: Raise it when an older file would be misunderstood.
VERSION = 1
#: Engines of the backbones that may be chosen, as :data:`mcoe.live.engine.backbones.BACKBONES` has them; listed here so
#: that reading the settings loads no network.
ENGINES = ("auto", "openvino", "torch", "cuda_graph")
#: Sources whose square, and files whose name, are remembered: the newest.
MOST_VIEWS, MOST_RECENT = 200, 10


def seal(state: bytes) -> str:
    """Return Qt's own state in Base64 with a checksum: Qt crashes on some that were altered."""
    return f"{b64encode(state).decode()}.{crc32(state):08x}"


def unseal(words: str) -> bytes:
    """Return the state that was sealed; nothing where the words are not as :func:`seal` made them."""
    text, _, check = words.rpartition(".")
    try:
        state = b64decode(text, validate=True)
    except ValueError:
        return b""
    return state if f"{crc32(state):08x}" == check else b""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How a layout was left: Qt's own state (sealed), each panel's share of the board, and which are shown."""

    state: str
    shares: dict[str, tuple[float, float]]
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Values:
    """Everything that is kept; each field has a reader in :data:`_READ`, which refuses what makes no sense.

    Attributes:
        device, backbone: where and in what the network runs.
        stride: gap of the frame pair, frames at 30 Hz, 1 … 30; 0 for the one that the weights were trained with.
        smoothing_s: time constant of the smoothed bars, s, 0 … 2.
        filter_on, filter_ms: the noise filter, and how long before an event a neighbour must have fired, 0.5 … 10 ms.
        overlay: whether events are drawn over the frame.
        heatmap_opacity: 0 … 100 %; heatmap_layer: ``stage4`` or ``stage3``; weighted_votes: × weight in the experts.
        layout: the one shown last; arrangements: by layout.
        geometry: the window's, Qt's own (sealed).
        folders: the last folder of each kind of dialog (``open``, ``export``, ``weights``, ``browse``, ``recordings``).
        recent: paths opened lately, newest first.
        views: ``(x, y, side, mirror)`` by source, oldest first.
    """

    device: str = "auto"
    backbone: str = "auto"
    stride: int = 0
    smoothing_s: float = 0.4
    filter_on: bool = False
    filter_ms: float = 2.0
    overlay: bool = True
    heatmap_opacity: int = 75
    heatmap_layer: str = "stage4"
    weighted_votes: bool = False
    layout: str = "Demo"
    geometry: str = ""
    arrangements: dict[str, Arrangement] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    recent: tuple[str, ...] = ()
    views: dict[str, tuple[int, int, int, bool]] = field(default_factory=dict)


DEFAULTS = Values()


def _one_of(choices: tuple[str, ...]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError
        return str(value)

    return read


def _number(low: float, high: float, kind: type[int] | type[float]) -> Callable[[Any], Any]:
    def read(value: Any) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int if kind is int else int | float):
            raise ValueError
        if not low <= value <= high:
            raise ValueError
        return kind(value)

    return read


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _words(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 100_000 or "\0" in value:
        raise ValueError
    return value


def _sealed(value: Any) -> str:
    if _words(value) and not unseal(value):
        raise ValueError
    return str(value)


def _arrangements(value: Any) -> dict[str, Arrangement]:
    found = {}
    for name, kept in value.items():
        shares = {_words(key): (float(width), float(height)) for key, (width, height) in kept["shares"].items()}
        if not all(0 <= side <= 1 for pair in shares.values() for side in pair):
            raise ValueError
        found[_words(name)] = Arrangement(_sealed(kept["state"]), shares, tuple(_words(key) for key in kept["shown"]))
    return found


def _folders(value: Any) -> dict[str, str]:
    return {_words(key): _words(folder) for key, folder in value.items()}


def _recent(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError
    return tuple(_words(path) for path in value[:MOST_RECENT])


def _views(value: Any) -> dict[str, tuple[int, int, int, bool]]:
    read = _number(0, 1 << 20, int)
    pairs = list(value.items())[-MOST_VIEWS:]
    return {_words(name): (read(x), read(y), read(side), _switch(mirror)) for name, (x, y, side, mirror) in pairs}


_READ: dict[str, Callable[[Any], Any]] = {
    "device": _one_of(DEVICES),
    "backbone": _one_of(ENGINES),
    "stride": _number(0, 30, int),
    "smoothing_s": _number(0, 2, float),
    "filter_on": _switch,
    "filter_ms": _number(0.5, 10, float),
    "overlay": _switch,
    "heatmap_opacity": _number(0, 100, int),
    "heatmap_layer": _one_of(("stage4", "stage3")),
    "weighted_votes": _switch,
    "layout": _words,
    "geometry": _sealed,
    "arrangements": _arrangements,
    "folders": _folders,
    "recent": _recent,
    "views": _views,
}


class Settings(QObject):
    """Owns the file. Whoever needs a setting reads :attr:`values` and follows :attr:`changed`; nobody else writes.

    A file that cannot be used is set aside under another name, and the program starts with what it was made with.

    Args:
        path: the file; it and its folder are made when something is first kept.

    Attributes:
        values: as they are now; replaced, never changed.
        trouble: one sentence on what was wrong with the file, or nothing.
    """

    #: The values were replaced.
    changed = Signal(object)
    #: How long changes gather before they are written: a dragged slider makes thirty a second.
    CALM_MS = 400

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.path = path
        self.values, self.trouble = _load(path)
        self._kept = DEFAULTS if self.trouble else self.values  # what was set aside is no longer there
        self._failed = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(self.CALM_MS)
        self._timer.timeout.connect(self.save)

    def update(self, **changes: Any) -> None:
        """Replace some of the values and keep them soon."""
        values = replace(self.values, **changes)
        if values != self.values:
            self.values = values
            self._timer.start()
            self.changed.emit(values)

    def folder(self, kind: str, otherwise: Path) -> Path:
        """Return the last folder of a kind of dialog."""
        return Path(self.values.folders.get(kind, str(otherwise)))

    def keep_folder(self, kind: str, folder: Path) -> None:
        """Remember the folder of a kind of dialog."""
        self.update(folders=self.values.folders | {kind: str(folder)})

    def save(self) -> None:
        """Write what has changed at once. A file that cannot be written is logged: the program goes on without."""
        self._timer.stop()
        if self.values == self._kept:
            return
        try:
            private_folder(self.path.parent)
            write_json(self.path, {"version": VERSION, **asdict(self.values)}, mode=0o600)
            self._kept = self.values
        except OSError as error:
            if not self._failed:
                log.warning("%s cannot be written (%s): nothing set now will be there next time", self.path, error)
            self._failed = True


def _load(path: Path) -> tuple[Values, str]:
    """Return the values, and one sentence on what could not be used."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return DEFAULTS, ""
    except (OSError, ValueError) as error:
        return DEFAULTS, _aside(path, getattr(error, "strerror", None) or "it is no text")
    try:
        kept = json.loads(text)
        if not isinstance(kept, dict) or not isinstance(kept.get("version"), int):
            raise ValueError
    except (ValueError, RecursionError):
        return DEFAULTS, _aside(path, "it is damaged")
    if kept["version"] != VERSION:
        return DEFAULTS, _aside(path, f"another version of the program wrote it (format {kept['version']})")
    found, wrong = {}, []
    for each in fields(Values):
        if each.name in kept:
            try:
                found[each.name] = _READ[each.name](kept[each.name])
            except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
                wrong.append(each.name)
    if not wrong:
        return Values(**found), ""
    return Values(**found), _aside(path, f"wrong: {', '.join(wrong)}", "its own in their place and kept the others")


def _aside(path: Path, why: str, instead: str = "its own") -> str:
    """Set the file aside, so that nothing in it is lost, and say so in one sentence."""
    try:
        for number in range(1, 100):
            other = path.with_name(f"{path.name}.unusable{'' if number == 1 else f'-{number}'}")
            if not other.exists():
                break
        path.rename(other)
    except OSError:
        return f"The settings {path} cannot be used ({why}); the program began with {instead}."
    return f"The settings could not be used ({why}) and were set aside as {other}; the program began with {instead}."
