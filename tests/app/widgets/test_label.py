"""Words from outside are shown as they are: no markup, no pictures, no steering of the text around them, bounded."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextDocument

import app
from app.widgets.label import NAME, SENTENCE, Label, item, plain, tip
from mcoe.core.text import plain_text
from tests.app.fake import SOURCE

HOSTILE = '<img src="/etc/passwd"><h1>a & b</h1>\u202egnp.\nsecond line\x00'


def seen(markup: str) -> str:
    """What Qt shows of a rich text."""
    document = QTextDocument()
    document.setHtml(markup)
    return document.toPlainText()


def test_plain_words_are_one_bounded_line_without_steering():
    said = plain(HOSTILE)
    assert "\n" not in said and "\u202e" not in said and "\x00" not in said
    assert '<img src="/etc/passwd">' in said  # kept to be read, not to be drawn
    assert len(plain("x" * 1_000_000)) == SENTENCE
    assert plain("short") == "short"


def test_a_tooltip_shows_markup_as_words(qapp):
    assert '<img src="/etc/passwd"><h1>a & b</h1>�gnp.' in seen(tip(HOSTILE))


def test_an_ampersand_in_a_files_name_is_no_mnemonic():
    assert item("a & b") == "a && b"


def test_a_label_shows_markup_as_words(qtbot):
    label = Label("<b>bold</b>")
    qtbot.addWidget(label)
    assert label.textFormat() == Qt.TextFormat.PlainText


@pytest.mark.parametrize("name", [HOSTILE, "y" * 1_000_000])
def test_a_hostile_sources_name_is_only_a_name(window, maker, qtbot, name):
    maker.pipeline_options = {"info": replace(SOURCE, name=name)}
    window.stream.open("eye_demo.aedat4")
    maker.made[-1].advance(1)
    qtbot.waitUntil(lambda: window.stream.result is not None)
    shown = seen(window.headline.text())
    assert shown.startswith(plain(plain_text(name), NAME))
    assert len(window.windowTitle()) < NAME + 40


def test_every_label_of_the_window_is_plain():
    """Qt guesses the format of a bare QLabel from its words."""
    root = Path(app.__file__).parent
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            bare = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "QLabel"
            assert not bare, f"{path}:{node.lineno} makes a QLabel; use app.widgets.label.Label"
