"""What is known of a recording beside its packets: true labels, lighting, markers, in a JSON of the same name."""

from __future__ import annotations

import json
import logging
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcoe.core.errors import McoeError
from mcoe.core.files import write_text
from mcoe.core.words import EMOTIONS

log = logging.getLogger(__name__)

#: The marker from which on nothing is labelled.
NONE = "none"


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch ``start_us <= t < end_us`` of the recording in which ``label`` is true."""

    start_us: int
    end_us: int
    label: str


@dataclass(frozen=True, slots=True)
class Sidecar:
    """Labels of a recording.

    Attributes:
        segments: labelled stretches, in order.
        markers: every moment that was noted by hand, ``(time_us, label)``, in order.
        lighting: ``normal``, ``over``, ``low``, ``hdr`` or what the recorder wrote; empty if unknown.
        synthetic: whether it shows a virtual eye.
    """

    segments: tuple[Segment, ...] = ()
    lighting: str = ""
    synthetic: bool = False
    markers: tuple[tuple[int, str], ...] = ()

    def at(self, time_us: int) -> str | None:
        """Return the true label at stream time ``time_us``, or None where nothing is known."""
        i = bisect_right(self.segments, time_us, key=lambda s: s.start_us) - 1
        return self.segments[i].label if i >= 0 and time_us < self.segments[i].end_us else None


def sidecar_path(recording: Path) -> Path:
    """Return where the sidecar of ``recording`` lies."""
    return recording.with_suffix(".json")


def load_sidecar(recording: Path) -> Sidecar:
    """Read the sidecar of ``recording``; an empty one where there is none.

    A damaged sidecar must not keep a good recording from playing: it is logged and taken as absent.
    """
    path = sidecar_path(recording)
    try:
        if not path.is_file():
            return Sidecar()
        return _parse(json.loads(path.read_text()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("%s is not a sidecar that can be read (%s); the recording plays without labels", path, error)
        return Sidecar()


def add_marker(recording: Path, label: str, time_us: int) -> Sidecar:
    """Note ``label`` at stream time ``time_us`` in the sidecar of ``recording``, which is made if there is none.

    Everything else in it stays. The file is replaced as a whole: whoever reads meanwhile, or an interruption, meets
    the old one or the new one. A marker named like an emotion is a label until the next such marker or :data:`NONE`,
    except in a recording that has labelled segments, which win.

    Returns:
        The sidecar as it now is.

    Raises:
        McoeError: an existing sidecar cannot be understood (it is left as it is), or the file cannot be written.
    """
    return _edit(recording, lambda markers: markers.append({"label": label, "time_us": int(time_us)}))


def remove_marker(recording: Path, label: str, time_us: int) -> Sidecar:
    """Take back what :func:`add_marker` noted; of several alike the last, and none is no error.

    Returns:
        The sidecar as it now is.

    Raises:
        McoeError: as :func:`add_marker` does.
    """

    def remove(markers: list[Any]) -> None:
        alike = [i for i, m in enumerate(markers) if (m["label"], m["time_us"]) == (label, int(time_us))]
        if alike:
            del markers[alike[-1]]

    return _edit(recording, remove)


def _edit(recording: Path, change: Callable[[list[Any]], None]) -> Sidecar:
    path = sidecar_path(recording)
    try:
        notes = json.loads(path.read_text()) if path.exists() else {"format": 1}
        if not isinstance(notes, dict) or not isinstance(notes.setdefault("markers", []), list):
            raise ValueError("it holds no markers")
        change(notes["markers"])
        sidecar = _parse(notes)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise McoeError(
            f"{path} is not a sidecar that can be added to ({error}); move it away to label anew."
        ) from error
    except OSError as error:
        raise McoeError(f"{path} cannot be read ({error.strerror}); check its permissions.") from error
    try:
        write_text(path, json.dumps(notes, indent=2) + "\n")
    except OSError as error:
        raise McoeError(
            f"{path} cannot be written ({error.strerror}); copy the recording to another folder."
        ) from error
    return sidecar


def _parse(notes: dict[str, Any]) -> Sidecar:
    segments = [Segment(int(s["start_us"]), int(s["end_us"]), str(s["label"])) for s in notes.get("segments", ())]
    markers = [(int(m["time_us"]), str(m["label"])) for m in notes.get("markers", ())]
    markers.sort(key=lambda marker: marker[0])  # of two at one moment, the one noted later stays the later
    if not segments:
        segments = _from_markers(markers)
    if not segments and notes.get("label"):
        segments = [Segment(-(1 << 62), 1 << 62, str(notes["label"]))]
    return Sidecar(
        tuple(sorted(segments, key=lambda s: s.start_us)),
        str(notes.get("lighting", "")),
        bool(notes.get("synthetic", False)),
        tuple(markers),
    )


def _from_markers(markers: list[tuple[int, str]]) -> list[Segment]:
    """A marker named like an emotion holds until the next such one, or :data:`NONE`; others are moments only."""
    labels = [(time_us, label) for time_us, label in markers if label in EMOTIONS or label == NONE]
    ends = [*(time_us for time_us, _ in labels), 1 << 62][1:]
    return [Segment(start, end, label) for (start, label), end in zip(labels, ends, strict=True) if label != NONE]
