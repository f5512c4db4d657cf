"""The end of the program's log, to read and to copy into a report."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QGuiApplication, QTextCursor
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from ..widgets.label import Label

#: So much of its end is shown, bytes: more than anybody reads, and little enough for a text widget.
SHOWN = 200_000


class LogDialog(QDialog):
    """Shows a file's last lines as they are when it is opened."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Log")
        self.where = Label()
        self.where.setObjectName("panelNote")
        self.where.setWordWrap(True)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setAccessibleName("Log")
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        copy = QPushButton("Copy")
        copy.setToolTip("Put what is shown on the clipboard, for a report")
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.text.toPlainText()))
        foot = QHBoxLayout()
        foot.addWidget(self.where, 1)
        foot.addWidget(copy)
        box = QVBoxLayout(self)
        box.setContentsMargins(14, 12, 14, 12)
        box.addWidget(self.text, 1)
        box.addLayout(foot)

    def show_file(self, path: Path | None) -> None:
        """Read the end of ``path``; None where no log is kept."""
        words, where = "", f"{path}"
        if path is None:
            where = "No log is kept: its file cannot be written, or the program was started without one."
        else:
            try:
                with path.open("rb") as file:
                    file.seek(max(0, path.stat().st_size - SHOWN))
                    words = file.read(SHOWN).decode(errors="replace")
            except FileNotFoundError:
                where = f"{path} · nothing was logged yet"
            except OSError as error:
                where = f"{path} cannot be read ({error.strerror}); check its permissions."
        self.text.setPlainText(words)
        self.text.moveCursor(QTextCursor.MoveOperation.End)
        self.where.setText(where)
