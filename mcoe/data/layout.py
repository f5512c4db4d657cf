"""Reader of the single-eye data set's folder layout, real or virtual.

::

    ROOT/frame/<emotion>/<sequence>/00000.jpg …    grey frames, 30 Hz
    ROOT/event/<emotion>/<sequence>/00000.jpg …    events of the 33 ms before frame i, accumulated as a grey image
    ROOT/raw/<sequence>.npz                        only ours: the events themselves and ``frame_end_us``
    ROOT/emotion.json                              who is in training, who in testing

Folder and file names are matched without regard to case, emotions and lightings by their first letters, so that
``neutraL``, ``Overexposed``, ``happiness`` and ``happy`` all read. Whatever is damaged or missing is named in
:class:`Skipped` and left out; it is never silent.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mcoe.errors import McoeError
from mcoe.events.packets import Events, make_events

#: Column order of every table and plot; the paper's.
LIGHTINGS = ("normal", "overexposed", "low", "hdr")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
Subset = Literal["training", "testing"]

_EMOTION_STARTS = (
    *(("hap", 0), ("joy", 0), ("sad", 1), ("ang", 2), ("disg", 3), ("surp", 4)),
    *(("fear", 5), ("afraid", 5), ("neutral", 6)),
)
_LIGHTING_STARTS = (("norm", 0), ("over", 1), ("low", 2), ("dark", 2), ("hdr", 3), ("highdynamic", 3))


def emotion_of(word: str) -> int | None:
    """Return the class index in EMOTIONS that ``word`` spells (any case, noun or adjective), or None."""
    return _starts(word, _EMOTION_STARTS)


def lighting_of(word: str) -> int | None:
    """Return the index in LIGHTINGS that ``word`` spells (``Overexposure``, ``low-light``, ``HDR`` …), or None."""
    return _starts(word, _LIGHTING_STARTS)


def _starts(word: str, table: tuple[tuple[str, int], ...]) -> int | None:
    plain = re.sub(r"[^a-z]", "", word.lower())
    return next((index for start, index in table if plain.startswith(start)), None)


@dataclass(frozen=True, slots=True)
class SequenceName:
    """What ``seq_ID_sex_age_degree_lighting_emotion_length_take`` says; None where it doesn't."""

    subject: str
    lighting: int | None
    label: int | None


def parse_name(name: str) -> SequenceName:
    """Read subject, lighting and emotion from a sequence's name; the parts may stand in any order after the ID."""
    parts = [part for part in re.split(r"[_\s]+", name.strip()) if part]
    if parts and parts[0].lower() == "seq":
        parts = parts[1:]
    subject = parts[0] if parts else name
    lighting = next((i for i in map(lighting_of, parts[1:]) if i is not None), None)
    label = next((i for i in map(emotion_of, parts[1:]) if i is not None), None)
    return SequenceName(subject, lighting, label)


@dataclass(slots=True)
class Skipped:
    """What could not be used, and why: ``(what, reason)``, one entry per image, sequence or file."""

    entries: list[tuple[str, str]] = field(default_factory=list)

    def add(self, what: str | Path, reason: str) -> None:
        self.entries.append((str(what), reason))

    def report(self, most: int = 20) -> str:
        """Return the counts per reason and the first ``most`` names, a line each; empty if nothing was skipped."""
        if not self.entries:
            return ""
        counts = Counter(reason for _, reason in self.entries)
        lines = [f"skipped {sum(counts.values())}: " + ", ".join(f"{n} × {why}" for why, n in counts.most_common())]
        lines += [f"  {what}: {why}" for what, why in self.entries[:most]]
        if len(self.entries) > most:
            lines.append(f"  … and {len(self.entries) - most} more")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Sequence:
    """One recording of one expression.

    Attributes:
        label, lighting: indices in EMOTIONS and LIGHTINGS.
        numbers: frame numbers in use, ascending, one per time step; a gap is a missing frame.
        segment: first and last frame number of the expression (``annotations.segment``), both included.
        frames: path of each frame in ``numbers``; events: path of each event image, None where there is none.
        raw: file with the events themselves, or None.
        skin: of a virtual person: the picture that most of its skin comes from; empty where none is told.
    """

    name: str
    subject: str
    label: int
    lighting: int
    subset: Subset
    numbers: tuple[int, ...]
    frames: tuple[Path, ...]
    events: tuple[Path | None, ...]
    raw: Path | None
    segment: tuple[int, int]
    skin: str = ""


def read_layout(root: Path) -> tuple[list[Sequence], Skipped, dict[str, Any]]:
    """List a data set's sequences, ordered by name.

    Args:
        root: the folder that holds ``frame``, ``event`` and ``emotion.json``.

    Returns:
        The usable sequences, what was left out, and the other top-level entries of ``emotion.json``, with the content
        of a virtual set's ``synth.json`` (its seed …) under ``synth``.

    Raises:
        McoeError: the folder is no such data set, or not one sequence is usable.
    """
    root = Path(root)
    index_path, frame_root = _child(root, "emotion.json"), _child(root, "frame")
    if index_path is None or frame_root is None:
        raise McoeError(f"{root} is no single-eye data set: it needs the folder 'frame' and the file 'emotion.json'.")
    try:
        index = json.loads(index_path.read_text(encoding="utf-8"))
        database: dict[str, Any] = index["database"]
        entries = {name: (entry["subset"], entry.get("annotations", {})) for name, entry in database.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise McoeError(f"{index_path} cannot be read as the data set's index ({error}); fetch it again.") from error

    folders, event_root, raw_root = _sequence_folders(frame_root), _child(root, "event"), _child(root, "raw")
    event_folders = _sequence_folders(event_root) if event_root else {}
    raws = {p.stem.lower(): p for p in raw_root.glob("*.npz")} if raw_root else {}
    skipped, sequences = Skipped(), []
    for name, (subset_word, annotation) in sorted(entries.items()):
        folder, said = folders.pop(name.lower(), None), parse_name(name)
        label = emotion_of(str(annotation.get("label", ""))) if annotation.get("label") else said.label
        subset = _subset(str(subset_word))
        raw = raws.get(name.lower())
        if folder is None:
            skipped.add(name, "sequence in emotion.json without a frame folder")
        elif label is None or said.lighting is None or subset is None:
            skipped.add(name, "sequence without a known emotion, lighting or subset")
        elif said.label is not None and said.label != label:
            skipped.add(name, "sequence whose name and annotation disagree on the emotion")
        else:
            frames = _images(folder)
            events = _images(event_folders[name.lower()]) if name.lower() in event_folders else {}
            numbers = _usable(name, frames, events, raw, skipped)
            if numbers:
                found = (tuple(frames[n] for n in numbers), tuple(events.get(n) for n in numbers))
                segment = _segment(annotation.get("segment"), numbers)
                where = (name, said.subject, label, said.lighting, subset)
                skin = str(annotation.get("skin", ""))
                sequences.append(Sequence(*where, numbers, *found, raw, segment, skin))
    for folder in folders.values():
        skipped.add(folder, "sequence folder that emotion.json does not name")
    if not sequences:
        raise McoeError(f"{root} holds no usable sequence; {skipped.report(1) or 'its emotion.json is empty'}.")
    extra = {key: value for key, value in index.items() if key not in ("database", "labels")}
    settings = _child(root, "synth.json")
    if settings is not None:  # how a virtual set was made; its seed goes into the weights trained on it
        with contextlib.suppress(ValueError, OSError):
            extra["synth"] = json.loads(settings.read_text(encoding="utf-8"))
    return sequences, skipped, extra


def _segment(said: Any, numbers: tuple[int, ...]) -> tuple[int, int]:
    """Return the annotated segment, or the whole sequence where it is absent or holds none of its frames."""
    if isinstance(said, list | tuple) and len(said) == 2 and all(isinstance(n, int) for n in said):
        first, last = max(said[0], numbers[0]), min(said[1], numbers[-1])
        if first <= last:
            return first, last
    return numbers[0], numbers[-1]


def _usable(
    name: str, frames: dict[int, Path], events: dict[int, Path], raw: Path | None, skipped: Skipped
) -> tuple[int, ...]:
    if not frames:
        skipped.add(name, "sequence without frames")
        return ()
    if raw is None and not events:
        skipped.add(name, "sequence without events")
        return ()
    for number in sorted(set(range(min(frames), max(frames) + 1)) - set(frames)):
        skipped.add(f"{name} frame {number}", "missing frame")
    numbers = sorted(frames)
    if raw is None:
        for number in [n for n in numbers if n not in events]:
            skipped.add(f"{name} frame {number}", "frame without its event image")
        numbers = [n for n in numbers if n in events]
    return tuple(numbers)


def read_image(path: Path) -> NDArray[np.uint8] | None:
    """Decode an image to ``(H, W)`` grey or ``(H, W, 3)`` RGB, uint8; None if it is damaged or gone."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError:
        return None
    # libjpeg fills a truncated file's end with grey and only warns, so the end marker is asked for here.
    if not data.size or (path.suffix.lower() in (".jpg", ".jpeg") and b"\xff\xd9" not in data[-64:].tobytes()):
        return None
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint8:
        return None
    if image.ndim == 2:
        return np.asarray(image, np.uint8)
    rgb = np.asarray(image[..., 2::-1], np.uint8)
    grey = bool((rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all())
    return np.ascontiguousarray(rgb[..., 0] if grey else rgb)


def read_raw(path: Path) -> tuple[Events, NDArray[np.int64]]:
    """Read ``raw/<sequence>.npz``: the events, and each frame's end in µs, ``(n,)`` int64 by frame number.

    Raises:
        McoeError: the file is damaged or lacks an array.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            events = make_events(arrays["timestamp"], arrays["x"], arrays["y"], arrays["polarity"])
            return events, np.asarray(arrays["frame_end_us"], np.int64)
    except Exception as error:  # zipfile, zlib and numpy raise a dozen kinds for a damaged file
        raise McoeError(f"The event file {path} is damaged ({error}); render or copy it again.") from error


def _child(root: Path, name: str) -> Path | None:
    if not root.is_dir():
        return None
    return next((p for p in sorted(root.iterdir()) if p.name.lower() == name), None)


def _sequence_folders(root: Path) -> dict[str, Path]:
    return {s.name.lower(): s for e in sorted(root.iterdir()) if e.is_dir() for s in sorted(e.iterdir()) if s.is_dir()}


def _images(folder: Path) -> dict[int, Path]:
    images = (p for p in sorted(folder.iterdir()) if p.suffix.lower() in IMAGE_SUFFIXES)
    found = ((re.search(r"(\d+)$", p.stem), p) for p in images)
    return {int(match.group(1)): p for match, p in found if match}


def _subset(word: str) -> Subset | None:
    word = word.lower()
    return "training" if word.startswith("train") else "testing" if word.startswith("test") else None
