"""What a panel is: a titled frame with one canvas, told about results and never asking for them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout

from mcoe.capture.source import SourceInfo
from mcoe.live.stream.history import HistoryPoint
from mcoe.recording.sidecar import Sidecar
from mcoe.results import EngineInfo, Result

from ..widgets.label import Label
from ..widgets.painting import Canvas, Painter


class Panel(QFrame):
    """One plot. A subclass in a module of :mod:`app.panels` is all that there is to add: it states what it is called
    and where it stands, and implements :meth:`draw`.

    Attributes:
        key: its name in the layouts' tables and in the settings.
        title: the heading.
        layouts: where no table names ``key``, the layouts that show it at their right end.
        shortcut: the keys that show and hide it, or nothing.
        asks: what it needs computed while it is visible: ``cam`` (Grad-CAM), ``readings`` (each modality alone).
        sentence: what the plot shows, in one sentence with the paper's term: tooltip and accessible description.
        result: the newest result, or None.
        source: the open source, or None.
        engine: where the network runs, or None.
        labels: what is known to be true of the recording; empty for most.
        detailed: whether there is room and reason for everything the panel can say (the Explain layout).
    """

    key = ""
    title = ""
    sentence = ""
    layouts: tuple[str, ...] = ()
    shortcut = ""
    asks: frozenset[str] = frozenset()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAccessibleName(self.title)
        self.setAccessibleDescription(self.sentence)
        self.setToolTip(self.sentence)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.result: Result | None = None
        self.source: SourceInfo | None = None
        self.engine: EngineInfo | None = None
        self.labels = Sidecar()
        self.detailed = False
        heading = Label(self.title)
        heading.setObjectName("panelTitle")
        self.note = Label()
        self.note.setObjectName("panelNote")
        #: Stands above the canvas, or is the title bar where the panel is docked.
        self.head = QFrame()
        self.head.setObjectName("panelHead")
        self.head.setToolTip(self.sentence)
        self.header = QHBoxLayout(self.head)
        self.header.setContentsMargins(10, 6, 10, 4)
        self.header.setSpacing(8)
        self.header.addWidget(heading)
        self.header.addStretch(1)
        self.header.addWidget(self.note)
        self.canvas = Canvas(self.draw)
        #: From head to foot; a panel may add controls below its canvas.
        box = self.box = QVBoxLayout(self)
        box.setContentsMargins(10, 0, 10, 8)
        box.setSpacing(0)
        box.addWidget(self.head)
        box.addWidget(self.canvas, 1)

    def set_context(self, source: SourceInfo | None, engine: EngineInfo | None) -> None:
        """Take what is known of source and network; called once each becomes known and when a file closes."""
        self.source, self.engine = source, engine
        self.canvas.update()

    def set_labels(self, labels: Sidecar) -> None:
        """Take the true labels of the recording that opens."""
        self.labels = labels
        self.canvas.update()

    def set_detailed(self, detailed: bool) -> None:
        """Say everything, or what can be read in passing."""
        self.detailed = detailed
        self.canvas.update()

    def show_result(self, result: Result, history: Sequence[HistoryPoint]) -> None:
        """Show a new result. ``history`` ends with it or shortly after it."""
        self.result = result
        self.canvas.update()

    def clear(self) -> None:
        """Go back to the empty state."""
        self.result = None
        self.canvas.update()

    def draw(self, painter: Painter, rect: QRectF) -> None:
        """Paint the canvas."""
        raise NotImplementedError
