"""Files replaced in one step: whoever reads meanwhile, a kill or a power cut meets the old one or the new one whole.

Every result that may take the place of an older one is written through here. Who calls turns the OSError into the
sentence that its user needs. What this program writes is about a person: unless told otherwise, a new file is its
user's alone, whatever the umask.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, TextIO

#: Permissions of a file that tells nothing of a person (weights, scores, made-up data): what the umask leaves.
SHARED = 0o666
_PRIVATE = 0o600


def private_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, for its user alone. Raises OSError."""
    missing = [path]
    while not missing[-1].parent.exists() and missing[-1].parent != missing[-1]:
        missing.append(missing[-1].parent)
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)


@contextlib.contextmanager
def replacing_path(path: Path, mode: int | None = None) -> Iterator[Path]:
    """Give the path of an empty file beside ``path``, which takes its place when the block ends without an error.

    For libraries that write files by name; it has the suffix of ``path``. Prefer :func:`replacing`.

    Args:
        path: the file; its folder must exist. What a link points to is replaced, and a device or pipe is written to.
        mode: its permissions; None keeps those of the file that it replaces, else makes it private. :data:`SHARED`
            does as None, except that a new file gets what the umask leaves.

    Raises:
        OSError: it cannot be written; what was there stays, and nothing else is left behind.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file() and not path.is_dir():
        yield path
        return
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    exact = _PRIVATE if mode is None else mode
    if mode in (None, SHARED):
        exact = path.stat().st_mode & 0o777 if path.exists() else exact
    part = path.with_name(f".{path.stem}.{secrets.token_hex(6)}.part{path.suffix}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    # Never more open than it will be: the kernel takes the umask off.
    os.close(os.open(part, flags, exact | 0o200))
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        if exact != SHARED or path.exists():
            part.chmod(exact)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def replacing(path: Path, mode: int | None = None) -> Iterator[IO[bytes]]:
    """Give a file to write to, which takes the place of ``path`` when the block ends without an error.

    Arguments and errors are those of :func:`replacing_path`.
    """
    with replacing_path(path, mode) as part, part.open("wb") as file:
        yield file


@contextlib.contextmanager
def replacing_text(path: Path, mode: int | None = None) -> Iterator[TextIO]:
    """As :func:`replacing`, for UTF-8 text; line ends are written as they come, as :mod:`csv` asks for."""
    with replacing(path, mode) as file, io.TextIOWrapper(file, "utf-8", newline="") as text:
        yield text


def write_bytes(path: Path, data: bytes, mode: int | None = None) -> None:
    """Replace ``path`` by ``data``. Raises OSError, see :func:`replacing_path`."""
    with replacing(path, mode) as file:
        file.write(data)


def write_text(path: Path, text: str, mode: int | None = None) -> None:
    """Replace ``path`` by ``text``, UTF-8. Raises OSError, see :func:`replacing_path`."""
    write_bytes(path, text.encode(), mode)


def write_json(path: Path, content: Any, mode: int | None = None) -> None:
    """Replace ``path`` by ``content`` as JSON. Raises OSError, see :func:`replacing_path`."""
    write_text(path, json.dumps(content, indent=1) + "\n", mode)
