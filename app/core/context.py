"""What features and dialogs know of the program: a frozen façade; they never see the window itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QDialog, QWidget

from mcoe.recording.outputs import check_output

from .jobs import Jobs
from .menus import Menus
from .panels import Panels
from .settings import Settings
from .shared import Findings, Looking, Notices
from .stream import Stream
from .workbench import Workbench


@dataclass(frozen=True, slots=True)
class Context:
    """Owners of everything that is shared.

    Attributes:
        workbench: opens sources and builds networks.
        settings: what is kept between runs.
        stream: what is open, its newest result, and the signals of both.
        panels: every panel, by class or key.
        menus: ``add`` an action with one line.
        jobs: ``start`` work in a thread of its own.
        notices: sentences for the user.
        looking: where the eye is, and whether noise is filtered.
        findings: what was predicted since the source was opened, and the last sweep.
        parent: the parent of dialogs.
        add_tool: puts a control at the end of the transport bar.
    """

    workbench: Workbench
    settings: Settings
    stream: Stream
    panels: Panels
    menus: Menus
    jobs: Jobs
    notices: Notices
    looking: Looking
    findings: Findings
    parent: QWidget
    add_tool: Callable[[QWidget], None]

    def check_output(self, path: Path) -> None:
        """Raise McoeError where writing ``path`` would destroy what is open, what is recorded, or the weights."""
        stream = self.stream
        running = stream.pipeline.recording if stream.pipeline is not None else None
        recorded = running.path if running is not None else None
        check_output(path, [stream.file, recorded], [self.workbench.options.weights])

    def show(self, dialog: QDialog, width: float, height: float) -> None:
        """Bring ``dialog`` to the front; when it was never sized, it gets these shares of the window."""
        from PySide6.QtCore import Qt

        if not dialog.testAttribute(Qt.WidgetAttribute.WA_Resized):
            dialog.resize(round(self.parent.width() * width), round(self.parent.height() * height))
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()


class Feature(QObject):
    """Something the window can do. A subclass in a module of :mod:`app.features` is all that there is to add.

    It is made once, when all panels are there; it adds its actions to the menus and follows the stream's signals.
    """

    #: Features are made in this order, which is that of their actions in the menus.
    order = 50

    def __init__(self, context: Context) -> None:
        super().__init__(context.parent)
        self.context = context
