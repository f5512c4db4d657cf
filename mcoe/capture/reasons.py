"""What went wrong in a decoder, in one sentence for a user: no library's words, nothing of the file's contents."""

from __future__ import annotations

from mcoe.core.errors import McoeError

#: What libraries say where memory was refused them.
_MEMORY = ("bad_alloc", "insufficient memory", "failed to alloc", "cannot alloc", "unable to alloc", "out of memory")


def reason(what: str, error: BaseException) -> str:
    """Return one sentence on why ``what``, a file or an address, cannot be read.

    Args:
        what: how a user calls it.
        error: what was raised; a :class:`McoeError` tells in its own words.
    """
    if isinstance(error, McoeError):
        return str(error)
    if isinstance(error, MemoryError) or any(word in str(error).lower() for word in _MEMORY):
        return f"{what} needs more memory than a recording should: it is damaged or no recording; copy it again."
    if isinstance(error, OSError) and error.strerror:
        return f"{what} cannot be read ({error.strerror}); check the disk and the file's rights, then open it again."
    return f"{what} cannot be decoded: it is damaged, or not of the kind that it seems to be; copy or record it again."
