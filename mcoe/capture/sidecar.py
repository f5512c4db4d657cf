"""What is known of a recording beside its packets: true labels, lighting, markers, in a JSON of the same name."""

from __future__ import annotations

import json
import logging
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcoe.model.config import EMOTIONS

log = logging.getLogger(__name__)


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
        lighting: ``normal``, ``over``, ``low``, ``hdr`` or what the recorder wrote; empty if unknown.
        synthetic: whether it shows a virtual eye.
    """

    segments: tuple[Segment, ...] = ()
    lighting: str = ""
    synthetic: bool = False

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


def _parse(notes: dict[str, Any]) -> Sidecar:
    segments = [Segment(int(s["start_us"]), int(s["end_us"]), str(s["label"])) for s in notes.get("segments", ())]
    if not segments:
        segments = _from_markers(notes.get("markers", ()))
    if not segments and notes.get("label"):
        segments = [Segment(-(1 << 62), 1 << 62, str(notes["label"]))]
    return Sidecar(
        tuple(sorted(segments, key=lambda s: s.start_us)),
        str(notes.get("lighting", "")),
        bool(notes.get("synthetic", False)),
    )


def _from_markers(markers: Any) -> list[Segment]:
    """A marker named like an emotion holds until the next marker."""
    ordered = sorted(markers, key=lambda m: int(m["time_us"]))
    ends = [*(int(m["time_us"]) for m in ordered), 1 << 62][1:]
    return [
        Segment(int(m["time_us"]), end, str(m["label"]))
        for m, end in zip(ordered, ends, strict=True)
        if m["label"] in EMOTIONS
    ]
