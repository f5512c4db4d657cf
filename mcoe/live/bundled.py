"""The recordings that come with the program, one per lighting, found by looking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mcoe.core.errors import McoeError
from mcoe.core.paths import assets
from mcoe.core.words import LIGHTINGS, lighting_of

RECORDINGS = assets() / "recordings"

_TITLES = dict(zip(LIGHTINGS, ("Normal light", "Over-exposed", "Low light", "HDR"), strict=True))


@dataclass(frozen=True, slots=True)
class BundledRecording:
    """One recording and what a menu calls it."""

    title: str
    path: Path


def bundled_recordings(folder: Path = RECORDINGS) -> tuple[BundledRecording, ...]:
    """Return what lies in ``folder``: first the lightings in the paper's order, then the rest by name."""
    found = []
    for path in sorted(folder.glob("*.aedat4")):
        place = lighting_of(path.stem)
        title = path.stem.replace("_", " ").capitalize() if place is None else _TITLES[LIGHTINGS[place]]
        found.append((len(LIGHTINGS) if place is None else place, BundledRecording(title, path)))
    return tuple(recording for _, recording in sorted(found, key=lambda pair: pair[0]))


def default_recording(folder: Path = RECORDINGS) -> Path:
    """Return the recording that plays when none is named. Raises McoeError where none came with the program."""
    found = bundled_recordings(folder)
    if not found:
        raise McoeError(f"The folder {folder} holds no recording; fetch the program anew, or open one of yours.")
    return found[0].path


def which_bundled(recordings: Sequence[BundledRecording], file: Path | None) -> int | None:
    """Return which of ``recordings`` is ``file``, however its path is written; None for another one or none."""
    if file is None:
        return None
    wanted = file.resolve()
    return next((number for number, known in enumerate(recordings) if known.path.resolve() == wanted), None)
