"""The log in the window: what went wrong unexpectedly becomes a notice, and Help shows the file."""

from __future__ import annotations

import contextlib

from PySide6.QtCore import Qt, Signal

from mcoe.core.log import LoggedError, log_file, subscribe

from ..core.context import Context, Feature
from ..dialogs.log import LogDialog

#: A notice is a sentence, not a report.
MOST = 300


class Log(Feature):
    """Follows the program's log, into which uncaught exceptions of slots and threads go too."""

    order = 85
    _logged = Signal(str)

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.dialog: LogDialog | None = None
        self._logged.connect(self._tell, Qt.ConnectionType.QueuedConnection)
        end = subscribe(self._take)
        context.parent.destroyed.connect(lambda: end())
        context.menus.add("Help", "Show &log…", "", self.show, "What the program noted, for a report")

    def show(self) -> None:
        """Show the end of the log."""
        if self.dialog is None:
            self.dialog = LogDialog(self.context.parent)
        self.dialog.show_file(log_file())
        self.context.show(self.dialog, 7 / 10, 7 / 10)

    def _take(self, error: LoggedError) -> None:
        """Take an error in whatever thread logged it."""
        with contextlib.suppress(RuntimeError):  # the window is gone
            self._logged.emit(error.message)

    def _tell(self, message: str) -> None:
        lines = message.splitlines() or [""]
        self.context.notices.fail(f"{lines[0][:MOST].rstrip(' .')}; see the log (Help, Show log).")
