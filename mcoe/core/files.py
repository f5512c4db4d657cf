"""Files replaced in one step: whoever reads meanwhile, a kill or a power cut meets the old one or the new one whole."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any


@contextlib.contextmanager
def replacing(path: Path, mode: int | None = None) -> Iterator[IO[bytes]]:
    """Give a file to write to, which takes the place of ``path`` when the block ends without an error.

    Args:
        path: the file; its folder must exist.
        mode: its permissions; None keeps those of the file that it replaces, else what the umask leaves of 0o666.

    Raises:
        OSError: it cannot be written; what was there stays, and nothing else is left behind.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.chmod(_mode(path) if mode is None else mode)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, data: bytes, mode: int | None = None) -> None:
    """Replace ``path`` by ``data``. Raises OSError, see :func:`replacing`."""
    with replacing(path, mode) as file:
        file.write(data)


def write_text(path: Path, text: str, mode: int | None = None) -> None:
    """Replace ``path`` by ``text``, UTF-8. Raises OSError, see :func:`replacing`."""
    write_bytes(path, text.encode(), mode)


def write_json(path: Path, content: Any, mode: int | None = None) -> None:
    """Replace ``path`` by ``content`` as JSON. Raises OSError, see :func:`replacing`."""
    write_text(path, json.dumps(content, indent=1) + "\n", mode)


def _mode(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_mode & 0o777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
