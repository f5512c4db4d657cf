"""Words from outside the program, shown as the plain words that they are: names, paths, sentences of other programs."""

from __future__ import annotations

import html

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from mcoe.core.text import SENTENCE_LENGTH, plain_text

#: Longest name and longest sentence that is shown.
NAME, SENTENCE = 80, SENTENCE_LENGTH


def plain(words: str, most: int = SENTENCE) -> str:
    """Return ``words`` in one line of at most ``most`` characters, without what would steer the text around it."""
    return plain_text(words, most)


def tip(words: str) -> str:
    """Return a tooltip that shows ``words`` as they are: Qt takes whatever looks like markup for markup."""
    lines = (html.escape(plain(line)) for line in words[: 10 * SENTENCE].splitlines())
    return f"<span>{'<br>'.join(lines)}</span>"


def item(words: str) -> str:
    """Return the name of a menu's entry: an ampersand in a file's name is no mnemonic."""
    return plain(words, NAME).replace("&", "&&")


class Label(QLabel):
    """A label that shows its words as they are, never as markup."""

    def __init__(self, words: str = "", parent: QWidget | None = None) -> None:
        super().__init__(words, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
