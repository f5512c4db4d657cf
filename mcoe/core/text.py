"""Text from outside, made plain: one line, bounded, nothing that a terminal or a window could take for a command."""

from __future__ import annotations

import os
import unicodedata

#: Characters of a name at most.
NAME_LENGTH = 120
#: Characters of a sentence at most.
SENTENCE_LENGTH = 300
#: Categories of Unicode that are not shown: controls, directions and other formats, surrogates, private, unassigned,
#: line and paragraph separators.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def plain_text(text: str, most: int = NAME_LENGTH) -> str:
    """Return ``text`` on one line of at most ``most`` characters; what cannot be shown becomes ``�``, the middle ``…``.

    The end is kept as well as the beginning: names that begin alike differ at their ends.
    """
    if len(text) > most:
        half = (most - 1) // 2
        text = text[: most - 1 - half] + "…" + text[len(text) - half :]
    shown = ("�" if unicodedata.category(c) in _UNSEEN else c for c in text.replace("\n", " ").replace("\t", " "))
    return "".join(shown).strip()


def plain_path(path: str | os.PathLike[str]) -> str:
    """Return a path as it is called in a sentence: :func:`plain_text`, cut in the middle."""
    return plain_text(os.fspath(path), 160)


def sentence(text: str) -> str:
    """Return ``text`` as one plain line of at most :data:`SENTENCE_LENGTH` characters."""
    return plain_text(" ".join(text.split()), SENTENCE_LENGTH)
