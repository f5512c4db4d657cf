"""The main window: dockable panels, one timer that pulls the newest result."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QSettings, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QFileDialog, QLabel, QMainWindow, QVBoxLayout, QWidget

from app import theme
from app.board import Board
from app.features import FEATURES
from app.layouts import LAYOUTS
from app.menus import Menus
from app.message import MessageCard
from app.panels.balance import BalancePanel
from app.panels.base import Panel
from app.panels.camera import CameraPanel
from app.panels.emotions import EmotionPanel
from app.panels.experts import ExpertPanel
from app.panels.heatmaps import HeatmapPanel
from app.panels.timeline import TimelinePanel
from app.panels.voxels import VoxelPanel
from app.protocol import MakePipeline, Pipeline
from app.status import StatusLine
from app.transport import Transport
from mcoe.capture.source import SourceInfo
from mcoe.errors import McoeError
from mcoe.live.result import EngineInfo, PipelineStats, Result

_STATE_WORDS = {
    "": "",
    "loading": "loading",
    "playing": "playing",
    "paused": "paused",
    "ended": "end of recording",
    "failed": "stopped",
    "closed": "closed",
}
_STATE_COLOURS = {"playing": theme.TEXT, "failed": theme.FAILURE}
_FILTER = "Recordings (*.aedat4 *.raw *.dat *.mp4 *.avi *.mkv *.mov);;All files (*)"


class MainWindow(QMainWindow):
    """Shows one pipeline at a time.

    Args:
        make_pipeline: opens a recording by path, or the default source when given None.
        settings: where the window's state is kept.

    Attributes:
        pipeline: what runs now, or None.
        path: what was opened last; None for the default source.
        panels: every panel, by key.
        menus: to which features add their actions.
        board: the docks.
    """

    TICK_MS = 33
    #: Figures that change faster cannot be read.
    STATUS_MS = 250
    CLOSING_MS = 10
    #: The pipeline that runs from now on, or None.
    pipeline_changed = Signal(object)
    #: Every result that the panels were shown.
    result_shown = Signal(object)

    def __init__(self, make_pipeline: MakePipeline, settings: QSettings | None = None) -> None:
        super().__init__()
        self._make_pipeline = make_pipeline
        self.settings = settings or QSettings("MCO-E Live", "MCO-E Live")
        self.pipeline: Pipeline | None = None
        self.path: str | None = None
        self._shown: Result | None = None
        self._context: tuple[SourceInfo | None, EngineInfo | None] = (None, None)
        self._state = ""
        self._closing: list[threading.Thread] = []
        self.font_px = 0
        self.setWindowTitle("MCO-E Live")
        self.setMinimumSize(1100, 680)
        self.setAcceptDrops(True)
        self.panels: dict[str, Panel] = {}
        self._timer = self._every(self.TICK_MS, self.tick)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._status_timer = self._every(self.STATUS_MS, self.refresh_status)
        self._closing_timer = self._every(self.CLOSING_MS, self._open_when_closed)
        self._build()
        self._add_panels()
        self._add_actions()
        for feature in FEATURES:
            feature(self)
        self._rescale()
        self.show_layout("Demo")
        self._welcome()

    def _every(self, milliseconds: int, slot) -> QTimer:  # type: ignore[no-untyped-def]
        timer = QTimer(self)
        timer.setInterval(milliseconds)
        timer.timeout.connect(slot)
        return timer

    def _build(self) -> None:
        self.board, self.menus = Board(), Menus(self)
        self.transport, self.status = Transport(), StatusLine()
        central = QWidget()
        central.setObjectName("central")
        column = QVBoxLayout(central)
        column.setContentsMargins(10, 4, 10, 8)
        column.setSpacing(8)
        column.addWidget(self.board, 1)
        column.addWidget(self.transport)
        column.addWidget(self.status)
        self.setCentralWidget(central)
        self.message = MessageCard(self.board)
        self.message.open_requested.connect(self.choose_file)
        self.message.retry_requested.connect(lambda: self.open(self.path))
        self.board.arranged.connect(lambda _: self.ask())
        self.transport.play_toggled.connect(self.toggle_play)
        self.transport.stepped.connect(self.step)
        self.transport.sought.connect(self.seek)
        self.transport.speed_changed.connect(self._set_speed)
        self.headline = QLabel()
        self.headline.setObjectName("headline")
        self.headline.setTextFormat(Qt.TextFormat.RichText)
        self.menuBar().setCornerWidget(self.headline, Qt.Corner.TopRightCorner)

    def _add_panels(self) -> None:
        self.camera, self.heatmaps, self.emotions = CameraPanel(), HeatmapPanel(), EmotionPanel()
        self.voxels, self.experts, self.balance = VoxelPanel(), ExpertPanel(), BalancePanel()
        self.timeline = TimelinePanel()
        for key in ("camera", "heatmaps", "emotions", "voxels", "experts", "balance", "timeline"):
            self.add_panel(getattr(self, key), key)
        self.heatmaps.question_changed.connect(self.ask)

    def add_panel(self, panel: Panel, key: str, layouts: tuple[str, ...] = ()) -> None:
        """Take a panel in: it is told of results from now on, and the View menu shows and hides it.

        Args:
            key: its name in the tables of :mod:`app.layouts`, which say where it stands.
            layouts: where no table names ``key``, the layouts that show it at their right end.
        """
        self.panels[key] = panel
        panel.set_context(*self._context)
        action = self.board.add(key, panel, layouts)
        action.setToolTip(panel.sentence)
        action.toggled.connect(lambda _: self.ask())
        self.menus.panel(action)

    def _add_actions(self) -> None:
        add = self.menus.add
        add("File", "&Open…", "Ctrl+O", self.choose_file, "Open a recording of frames and events")
        add("File", "&Quit", QKeySequence.StandardKey.Quit, self.close)
        add("Playback", "&Play or pause", "Space", self.toggle_play)
        add("Playback", "&Step one frame", ".", self.step)
        hint = "Draw the window's ON and OFF events over the frame"
        self.overlay_action = add("View", "&Events over the frame", "E", self.camera.set_overlay, hint, checked=True)
        for number, name in enumerate(LAYOUTS, 1):
            add("View", f"&{number} {name} layout", f"Ctrl+{number}", lambda name=name: self.show_layout(name))
        add("View", "&Reset this layout", "Ctrl+0", self.reset_layout, "Put every panel back in its place")

    # ---- layouts

    def show_layout(self, name: str) -> None:
        """Show a layout as it was left."""
        if self.board.layout_name:
            self.board.keep(self.settings)
        self.board.arrange(name, self.settings)
        self.message.raise_()

    def reset_layout(self) -> None:
        """Put every panel of this layout back in its place."""
        self.board.arrange(self.board.layout_name)
        self.message.raise_()

    def ask(self) -> None:
        """Tell the pipeline what the panels on screen want explained: what nobody sees is not computed."""
        if self.pipeline is not None:
            asked = frozenset().union(*(panel.asks for panel in self.panels.values() if panel.isVisible()))
            question = self.heatmaps.question
            self.pipeline.question = replace(question, cam="cam" in asked, readings="readings" in asked)

    # ---- opening and closing

    def open(self, path: str | None) -> None:
        """Close what is open and open ``path`` (None: the default source). A failure is shown, not raised."""
        self._close_pipeline()
        self.path = path
        self.message.show_message(f"Opening {self._name}", "Reading the recording and loading the network.")
        # A camera opens for one pipeline at a time: the last one must have let go of it.
        self._closing_timer.start()
        self._open_when_closed()

    @property
    def _name(self) -> str:
        return Path(self.path).name if self.path else "the demo recording"

    def _open_when_closed(self) -> None:
        if any(thread.is_alive() for thread in self._closing):
            return
        self._closing.clear()
        self._closing_timer.stop()
        try:
            pipeline = self._make_pipeline(self.path)
            pipeline.start()
        except McoeError as error:
            self._failed(str(error))
            return
        self.pipeline = pipeline
        pipeline.set_speed(self.transport.speed.currentData())
        self.ask()
        self._timer.start()
        self._status_timer.start()
        self.pipeline_changed.emit(pipeline)
        self.tick()
        self.refresh_status()

    def choose_file(self) -> None:
        """Ask for a recording and open it."""
        folder = str(self.settings.value("folder", str(Path.home())))
        path, _ = QFileDialog.getOpenFileName(self, "Open a recording", folder, _FILTER)
        if path:
            self.settings.setValue("folder", str(Path(path).parent))
            self.open(path)

    def _close_pipeline(self) -> None:
        """Let go of the pipeline. It joins its threads in a thread of its own, so that the window never waits."""
        self._closing_timer.stop()
        self._timer.stop()
        self._status_timer.stop()
        pipeline, self.pipeline = self.pipeline, None
        self._shown, self._state = None, ""
        if pipeline is not None:
            thread = threading.Thread(target=pipeline.close, name="mcoe-close")
            thread.start()
            self._closing.append(thread)
            self.pipeline_changed.emit(None)
        self._set_context(None, None)
        for panel in self.panels.values():
            panel.clear()
        self.status.show_stats(None)

    def join(self) -> None:
        """Wait until every pipeline has closed; for the end of the program."""
        for thread in self._closing:
            thread.join()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.settings.setValue("geometry", self.saveGeometry())
        self.settings.setValue("layout", self.board.layout_name)
        self.board.keep(self.settings)
        self._close_pipeline()
        super().closeEvent(event)

    def restore(self) -> None:
        """Take size, place and layout from the last run."""
        name = str(self.settings.value("layout", "Demo"))
        self.show_layout(name if name in LAYOUTS else "Demo")
        geometry = self.settings.value("geometry")
        if geometry is not None:
            self.restoreGeometry(geometry)

    # ---- the tick

    def tick(self) -> None:
        """Pull what is new and show it; does nothing for a result already shown."""
        pipeline = self.pipeline
        if pipeline is None:
            return
        stats = pipeline.stats()
        context = (pipeline.info, pipeline.engine_info)
        if context[0] is not self._context[0] or context[1] is not self._context[1]:
            self._set_context(*context)
        result = pipeline.latest()
        if result is not None and result is not self._shown:
            self._shown = result
            history = pipeline.history()
            for panel in self.panels.values():
                panel.show_result(result, history)
            self.result_shown.emit(result)
        self.transport.show_stats(stats)
        self._show_state(stats)

    def refresh_status(self) -> None:
        """Bring the status line up to date."""
        if self.pipeline is not None:
            self.status.show_stats(self.pipeline.stats())

    def _set_context(self, source: SourceInfo | None, engine: EngineInfo | None) -> None:
        if source is not self._context[0]:
            self.transport.set_source(source)
        self._context = (source, engine)
        self.status.set_engine(engine)
        for panel in self.panels.values():
            panel.set_context(source, engine)

    def _show_state(self, stats: PipelineStats) -> None:
        state = stats.state
        if state == "failed":
            if state != self._state:
                self._failed(stats.error or "The pipeline stopped without saying why.")
        elif state != "loading" and self._shown is not None and self.message.isVisible():
            self.message.hide()
        elif state == "ended" and self._shown is None and state != self._state:
            self._failed("The recording ended before its first complete window; open a longer one.")
        self._state = state
        self.transport.setEnabled(state not in ("loading", "failed"))
        self._show_headline()

    def _failed(self, words: str) -> None:
        self._state = "failed"
        self.message.show_message(f"Cannot show {self._name}", words, can_open=True, can_retry=True)
        self._show_headline()

    def _welcome(self) -> None:
        self.message.show_message(
            "MCO-E Live", "Open a recording with frames and events, or drop one onto this window.", can_open=True
        )

    def _show_headline(self) -> None:
        source = self._context[0]
        name = source.name if source else (Path(self.path).name if self.path else "")
        state = _STATE_WORDS.get(self._state, self._state)
        colour = _STATE_COLOURS.get(self._state, theme.WARNING)
        words = f'<span style="color:{theme.DIM}">{name}</span>'
        if state:
            words += f'&nbsp;&nbsp;<span style="color:{colour}">● {state}</span>&nbsp;&nbsp;'
        if words != self.headline.text():
            self.headline.setText(words)
            self.headline.adjustSize()
            self.menuBar().setCornerWidget(self.headline, Qt.Corner.TopRightCorner)
            self.headline.show()
            self.setWindowTitle(f"{name} – MCO-E Live" if name else "MCO-E Live")

    # ---- controls

    def toggle_play(self) -> None:
        """Play or pause; at the end of a recording, play it again from the start."""
        pipeline = self.pipeline
        if pipeline is None:
            return
        state = pipeline.stats().state
        if state == "playing":
            pipeline.pause()
        elif state in ("paused", "ended"):
            pipeline.play()

    def step(self) -> None:
        """Go one window on and stay paused."""
        if self.pipeline is not None:
            self.pipeline.step()

    def seek(self, time_us: int) -> None:
        """Go to a stream time, µs."""
        if self.pipeline is not None:
            self.pipeline.seek(time_us)

    def _set_speed(self, speed: float) -> None:
        if self.pipeline is not None:
            self.pipeline.set_speed(speed)

    # ---- Qt events

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._rescale()

    def _rescale(self) -> None:
        px = theme.font_px(self.height())
        if px != self.font_px:
            self.font_px = px
            self.setStyleSheet(theme.style_sheet(px))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _dropped_file(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = _dropped_file(event)
        if path:
            event.acceptProposedAction()
            self.open(path)


def _dropped_file(event: QDropEvent) -> str:
    urls = event.mimeData().urls()
    return urls[0].toLocalFile() if len(urls) == 1 else ""
