"""The main window: panels on a grid, one timer that pulls the newest result."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QFileDialog, QGridLayout, QLabel, QMainWindow, QVBoxLayout, QWidget

from app import theme
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
    """

    TICK_MS = 33
    #: Figures that change faster cannot be read.
    STATUS_MS = 250

    def __init__(self, make_pipeline: MakePipeline, settings: QSettings | None = None) -> None:
        super().__init__()
        self._make_pipeline = make_pipeline
        self._settings = settings or QSettings("MCO-E Live", "MCO-E Live")
        self.pipeline: Pipeline | None = None
        self._path: str | None = None
        self._shown: Result | None = None
        self._context: tuple[SourceInfo | None, EngineInfo | None] = (None, None)
        self._state = ""
        self.font_px = 0
        self.setWindowTitle("MCO-E Live")
        self.setMinimumSize(1100, 680)
        self.setAcceptDrops(True)
        self._build()
        self._menus()
        self._rescale()
        self._timer = QTimer(self)
        self._timer.setInterval(self.TICK_MS)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.tick)
        self._status_timer = QTimer(self)
        self._status_timer.setInterval(self.STATUS_MS)
        self._status_timer.timeout.connect(self.refresh_status)
        self._welcome()

    def _build(self) -> None:
        self.camera, self.heatmaps, self.emotions = CameraPanel(), HeatmapPanel(), EmotionPanel()
        self.voxels, self.experts, self.balance = VoxelPanel(), ExpertPanel(), BalancePanel()
        self.timeline = TimelinePanel()
        self.panels: tuple[Panel, ...] = (
            self.camera,
            self.heatmaps,
            self.emotions,
            self.voxels,
            self.experts,
            self.balance,
            self.timeline,
        )
        self.transport, self.status = Transport(), StatusLine()
        board = QWidget()
        grid = QGridLayout(board)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(8)
        for column, (panel, below) in enumerate(
            ((self.camera, self.voxels), (self.heatmaps, self.experts), (self.emotions, self.balance))
        ):
            grid.addWidget(panel, 0, column)
            grid.addWidget(below, 1, column)
        grid.addWidget(self.timeline, 2, 0, 1, 3)
        for column, share in enumerate((41, 43, 40)):
            grid.setColumnStretch(column, share)
        for row, share in enumerate((33, 20, 16)):
            grid.setRowStretch(row, share)
        central = QWidget()
        central.setObjectName("central")
        column = QVBoxLayout(central)
        column.setContentsMargins(10, 4, 10, 8)
        column.setSpacing(8)
        column.addWidget(board, 1)
        column.addWidget(self.transport)
        column.addWidget(self.status)
        self.setCentralWidget(central)
        self.message = MessageCard(board)
        self.message.open_requested.connect(self.choose_file)
        self.message.retry_requested.connect(lambda: self.open(self._path))
        self.heatmaps.class_chosen.connect(self._explain)
        self.transport.play_toggled.connect(self.toggle_play)
        self.transport.stepped.connect(self.step)
        self.transport.sought.connect(self.seek)
        self.transport.speed_changed.connect(self._set_speed)
        self.headline = QLabel()
        self.headline.setObjectName("headline")
        self.headline.setTextFormat(Qt.TextFormat.RichText)
        self.menuBar().setCornerWidget(self.headline, Qt.Corner.TopRightCorner)

    def _menus(self) -> None:
        files = self.menuBar().addMenu("&File")
        self._action(files, "&Open…", "Ctrl+O", self.choose_file)
        files.addSeparator()
        self._action(files, "&Quit", QKeySequence.StandardKey.Quit, self.close)
        playback = self.menuBar().addMenu("&Playback")
        self._action(playback, "&Play or pause", "Space", self.toggle_play)
        self._action(playback, "&Step one frame", ".", self.step)
        view = self.menuBar().addMenu("&View")
        self.overlay_action = self._action(view, "&Events over the frame", "E", self.camera.set_overlay)
        self.overlay_action.setCheckable(True)
        self.overlay_action.setChecked(True)

    def _action(self, menu, name: str, keys, slot) -> QAction:  # type: ignore[no-untyped-def]
        action = QAction(name, self)
        action.setShortcut(QKeySequence(keys))
        action.triggered.connect(slot)
        menu.addAction(action)
        return action

    # ---- opening and closing

    def open(self, path: str | None) -> None:
        """Close what is open and open ``path`` (None: the default source). A failure is shown, not raised."""
        self._close_pipeline()
        self._path = path
        name = Path(path).name if path else "the demo recording"
        self.message.show_message(f"Opening {name}", "Reading the recording and loading the network.")
        try:
            self.pipeline = self._make_pipeline(path)
            self.pipeline.start()
        except McoeError as error:
            self._close_pipeline()
            self._failed(str(error))
            return
        self.pipeline.set_speed(self.transport.speed.currentData())
        self.pipeline.set_cam_class(self.heatmaps.choice.currentData())
        self._timer.start()
        self._status_timer.start()
        self.tick()
        self.refresh_status()

    def choose_file(self) -> None:
        """Ask for a recording and open it."""
        folder = str(self._settings.value("folder", str(Path.home())))
        path, _ = QFileDialog.getOpenFileName(self, "Open a recording", folder, _FILTER)
        if path:
            self._settings.setValue("folder", str(Path(path).parent))
            self.open(path)

    def _close_pipeline(self) -> None:
        self._timer.stop()
        self._status_timer.stop()
        pipeline, self.pipeline = self.pipeline, None
        self._shown, self._state = None, ""
        if pipeline is not None:
            pipeline.close()
        self._set_context(None, None)
        for panel in self.panels:
            panel.clear()
        self.status.show_stats(None)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._settings.setValue("geometry", self.saveGeometry())
        self._close_pipeline()
        super().closeEvent(event)

    def restore(self) -> None:
        """Take size and place from the last run."""
        geometry = self._settings.value("geometry")
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
            for panel in self.panels:
                panel.show_result(result, history)
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
        for panel in self.panels:
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
        name = Path(self._path).name if self._path else "the demo recording"
        self.message.show_message(f"Cannot show {name}", words, can_open=True, can_retry=True)
        self._show_headline()

    def _welcome(self) -> None:
        self.message.show_message(
            "MCO-E Live", "Open a recording with frames and events, or drop one onto this window.", can_open=True
        )

    def _show_headline(self) -> None:
        source = self._context[0]
        name = source.name if source else (Path(self._path).name if self._path else "")
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

    def _explain(self, index: int | None) -> None:
        if self.pipeline is not None:
            self.pipeline.set_cam_class(index)

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
