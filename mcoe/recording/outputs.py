"""What an output may not be written onto: whatever is being read or recorded, under any name or link.

Every output that a user names passes through :func:`check_output` before anything is opened. It is written through
:mod:`mcoe.core.files`, which leaves an older file as it is until the new one is whole; a recording never takes the
place of any file (:func:`recording_files`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from mcoe.core.errors import McoeError
from mcoe.recording.sidecar import sidecar_path

#: What recordings are called; a name with another ending gets it appended.
SUFFIX = ".aedat4"


def check_output(path: Path, recordings: Iterable[Path | None] = (), others: Iterable[Path | None] = ()) -> None:
    """Refuse an output that would write over what is being read or recorded.

    Args:
        path: what is to be written; where nothing lies yet, nothing can be lost.
        recordings: open recordings: a file, with its labels and its table, or a folder, with all that lies in it.
        others: further files that are being read, such as weights.

    Raises:
        McoeError: ``path`` is one of them, by name, symbolic link or hard link.
    """
    try:
        target = path.stat()
    except (OSError, ValueError):  # absent, or no possible name: whoever writes says so
        return
    for recording in filter(None, recordings):
        for what, file in _parts(recording):
            if _is(file, target):
                raise McoeError(f"{path} is {what} {recording.name}, which would be lost; choose another file.")
    for file in filter(None, others):
        if _is(file, target):
            raise McoeError(f"{path} is being read and would be lost; choose another file.")


def recording_files(path: Path | str) -> tuple[Path, Path, Path]:
    """Return the files of a new recording: packets, table, sidecar.

    Raises:
        McoeError: one of them exists.
    """
    path = Path(path)
    path = path if path.suffix.lower() == SUFFIX else path.with_name(path.name + SUFFIX)
    files = path, path.with_suffix(".csv"), sidecar_path(path)
    for each in files:
        if os.path.lexists(each):
            raise McoeError(f"{each} exists already and would be lost; choose another name for the recording.")
    return files


def _parts(recording: Path) -> Iterator[tuple[str, Path]]:
    if recording.is_dir():
        yield from (("part of the recording", file) for file in recording.rglob("*") if file.is_file())
    else:
        yield "the recording", recording
        yield "the table of", recording.with_suffix(".csv")
    yield "the labels of", sidecar_path(recording)


def _is(file: Path, target: os.stat_result) -> bool:
    try:
        return os.path.samestat(file.stat(), target)
    except (OSError, ValueError):
        return False
