"""Which formats there are, and which one a path is of."""

from __future__ import annotations

from pathlib import Path

from mcoe.capture.files._format import HEAD_BYTES, Format
from mcoe.core.discovery import public_modules
from mcoe.core.errors import McoeError


def formats() -> dict[str, Format]:
    """Return every format by its module's name, in the order of the names."""
    return {module.__name__.rpartition(".")[2]: module.FORMAT for module in public_modules("mcoe.capture.files")}


def extensions() -> tuple[str, ...]:
    """Return the suffixes of the files that can be replayed, in lower case and with the dot."""
    return tuple(dict.fromkeys(suffix for form in formats().values() for suffix in form.suffixes))


def dialog_filter() -> str:
    """Return what a file dialog of Qt takes: all recordings, then each kind of them, then all files."""
    kinds = [("Recordings", extensions()), *((form.title, form.suffixes) for form in formats().values())]
    shown = [f"{title} ({' '.join(f'*{suffix}' for suffix in suffixes)})" for title, suffixes in kinds if suffixes]
    return ";;".join([*shown, "All files (*)"])


def format_of(path: Path) -> str:
    """Return the name of the format of a folder, or of a file by its first bytes or else its suffix, in any case.

    Raises:
        McoeError: nothing is there, nothing is in it, or no format reads it (the message lists what is read).
    """
    known = formats()
    if path.is_dir():
        named = [name for name, form in known.items() if form.folders]
    else:
        head = _head(path)
        named = [name for name, form in known.items() if form.recognises is not None and form.recognises(head)]
        named += [name for name, form in known.items() if path.suffix.lower() in form.suffixes]
    if not named:
        kind = f"{path.suffix} files" if path.suffix else "a file without an extension"
        raise McoeError(
            f"{path} cannot be replayed: {kind} is no known recording type; use {', '.join(extensions())} or a folder."
        )
    return named[0]


def _head(path: Path) -> bytes:
    if not path.exists():
        raise McoeError(f"{path} does not exist; check the path.")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise McoeError(f"{path} cannot be read ({error.strerror}); check its permissions.") from error
    if not head:
        raise McoeError(f"{path} is empty (0 bytes); record or copy it again.")
    return head
