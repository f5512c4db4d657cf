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
from mcoe.core.json_files import UnreadableJson, read_json
from mcoe.core.text import plain_text
from mcoe.core.words import EMOTIONS

log = logging.getLogger(__name__)

#: The marker from which on nothing is labelled.
NONE = "none"
#: Stretches, and moments, that are taken from one sidecar; a window draws each of them.
MOST = 10_000
#: Bytes that a sidecar may have.
MOST_BYTES = 8 << 20
#: No stream reaches this time, µs.
EVER_US = 1 << 62


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
        left_out: stretches and moments beyond the first :data:`MOST` of each, which are not held here.
    """

    segments: tuple[Segment, ...] = ()
    lighting: str = ""
    synthetic: bool = False
    markers: tuple[tuple[int, str], ...] = ()
    left_out: int = 0

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
        known = _parse(read_json(path, MOST_BYTES))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("%s is not a sidecar that can be read (%s); the recording plays without labels", path, _why(error))
        return Sidecar()
    if known.left_out:
        log.warning("%s holds too many labels: of %s the first %s are shown", path, known.left_out + MOST, MOST)
    return known


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
        notes = read_json(path, MOST_BYTES) if path.exists() else {"format": 1}
        if not isinstance(notes, dict) or not isinstance(notes.setdefault("markers", []), list):
            raise ValueError("it holds no markers")
        change(notes["markers"])
        sidecar = _parse(notes)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise McoeError(
            f"{path} is not a sidecar that can be added to ({_why(error)}); move it away to label anew."
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
    stretches, moments = list(notes.get("segments", ())), list(notes.get("markers", ()))
    left_out = max(0, len(stretches) - MOST) + max(0, len(moments) - MOST)
    segments = [Segment(_time(s["start_us"]), _time(s["end_us"]), _label(s["label"])) for s in stretches[:MOST]]
    markers = [(_time(m["time_us"]), _label(m["label"])) for m in moments[:MOST]]
    markers.sort(key=lambda marker: marker[0])  # of two at one moment, the one noted later stays the later
    if not segments:
        segments = _from_markers(markers)
    if not segments and notes.get("label"):
        segments = [Segment(-EVER_US, EVER_US, _label(notes["label"]))]
    return Sidecar(
        tuple(sorted(segments, key=lambda s: s.start_us)),
        _label(notes.get("lighting", "")),
        bool(notes.get("synthetic", False)),
        tuple(markers),
        left_out,
    )


def _time(value: Any) -> int:
    return max(-EVER_US, min(EVER_US, int(value)))


def _label(value: Any) -> str:
    return plain_text(str(value), 60)


def _why(error: Exception) -> str:
    """Say in a few words what is wrong with a sidecar: not in the library's."""
    if isinstance(error, UnreadableJson):
        return str(error)
    if isinstance(error, OSError):
        return error.strerror or "the disk"
    return "it holds something else than labels"


def _from_markers(markers: list[tuple[int, str]]) -> list[Segment]:
    """A marker named like an emotion holds until the next such one, or :data:`NONE`; others are moments only."""
    labels = [(time_us, label) for time_us, label in markers if label in EMOTIONS or label == NONE]
    ends = [*(time_us for time_us, _ in labels), EVER_US][1:]
    return [Segment(start, end, label) for (start, label), end in zip(labels, ends, strict=True) if label != NONE]
