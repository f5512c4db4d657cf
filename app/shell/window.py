"""The main window: dockable panels, one timer that pulls the newest result."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QSettings, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QCloseEvent, QResizeEvent
from PySide6.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from mcoe.capture.cameras import CameraSpec
from mcoe.capture.source import SourceInfo
from mcoe.core.errors import McoeError
from mcoe.live.bundled import which_bundled
from mcoe.recording.sidecar import Sidecar, load_sidecar
from mcoe.results import EngineInfo, PipelineStats, Result

from ..core.protocol import Pipeline
from ..core.workbench import Workbench
from ..features.table import FEATURES
from ..panels.balance import BalancePanel
from ..panels.base import Panel
from ..panels.camera import CameraPanel
from ..panels.emotions import EmotionPanel
from ..panels.experts import ExpertPanel
from ..panels.heatmaps import HeatmapPanel
from ..panels.last_seconds import TimelinePanel
from ..panels.readings import ReadingPanel
from ..panels.recording_lane import HistoryPanel
from ..panels.shares import SharePanel
from ..panels.voxels import VoxelPanel
from ..widgets import theme
from .board import Board
from .drop import DropWindow
from .headline import Headline
from .help import HelpOverlay
from .hud import Hud
from .keys import add_actions, add_quit
from .layouts import LAYOUTS
from .menus import Menus
from .message import MessageCard
from .notice import Notice
from .status import StatusLine
from .threads import Threads
from .transport import Transport

_FILTER = "Recordings (*.aedat4 *.raw *.dat *.mp4 *.avi *.mkv *.mov);;All files (*)"

Feature = TypeVar("Feature")
#: The window's own panels, by the names of its attributes.
_PANELS = (
    *("camera", "heatmaps", "emotions", "voxels", "experts", "balance"),
    *("timeline", "history", "readings", "shares"),
)


class MainWindow(DropWindow):
    """Shows one pipeline at a time.

    Args:
        workbench: makes the pipeline of a recording by path, or of the default source when given None.
        settings: where the window's state is kept.

    Attributes:
        pipeline: what runs now, or None.
        path: what was opened last; None for the default source.
        panels: every panel, by key.
        menus: to which features add their actions.
        board: the docks.
        join_at_end, join: see :class:`app.shell.threads.Threads`.
    """

    TICK_MS = 33
    #: Figures that change faster cannot be read.
    STATUS_MS = 250
    CLOSING_MS = 10
    #: The pipeline that runs from now on, or None.
    pipeline_changed = Signal(object)
    #: What became known of the source (or None): before its first result.
    source_changed = Signal(object)
    #: Every result that the panels were shown.
    result_shown = Signal(object)

    def __init__(self, workbench: Workbench, settings: QSettings | None = None) -> None:
        super().__init__()
        self.workbench = workbench
        self.settings = settings or QSettings("MCO-E Live", "MCO-E Live")
        self.pipeline: Pipeline | None = None
        self.overlay_action: QAction
        self.hud_action: QAction
        self.path: str | None = None
        self._shown: Result | None = None
        self._context: tuple[SourceInfo | None, EngineInfo | None] = (None, None)
        self._state = ""
        self._threads = Threads()
        self.join_at_end, self.join = self._threads.join_at_end, self._threads.join
        self.font_px = 0
        self.setWindowTitle("MCO-E Live")
        self.setMinimumSize(1100, 680)
        self.panels: dict[str, Panel] = {}
        self._timer = self._every(self.TICK_MS, self.tick)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._status_timer = self._every(self.STATUS_MS, self.refresh_status)
        self._closing_timer = self._every(self.CLOSING_MS, self._open_when_closed)
        self._build()
        self._add_panels()
        add_actions(self)
        self._features: list[object] = []
        for feature in FEATURES:  # one by one: a later one may ask for an earlier one
            self._features.append(feature(self))
        add_quit(self)
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
        central.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        central.setFocus()  # not a choice whose list the first key would turn
        self.message = MessageCard(self.board)
        self.message.open_requested.connect(self.choose_file)
        self.message.retry_requested.connect(lambda: self.open(self.path))
        self.board.arranged.connect(self._arranged)
        self.board.sight_changed.connect(self.ask)
        self.transport.play_toggled.connect(self.toggle_play)
        self.transport.stepped.connect(self.step)
        self.transport.sought.connect(self.seek)
        self.transport.speed_changed.connect(self._set_speed)
        self.headline = Headline(self.menuBar())
        self.notice, self.hud, self.help = Notice(self.board), Hud(self.board), HelpOverlay(central, self.menus)

    def _add_panels(self) -> None:
        self.camera, self.heatmaps, self.emotions = CameraPanel(), HeatmapPanel(), EmotionPanel()
        self.voxels, self.experts, self.balance = VoxelPanel(), ExpertPanel(), BalancePanel()
        self.timeline, self.history = TimelinePanel(), HistoryPanel()
        self.readings, self.shares = ReadingPanel(), SharePanel()
        for key in _PANELS:
            self.add_panel(getattr(self, key), key)
        self.heatmaps.question_changed.connect(self.ask)
        self.history.sought.connect(self.transport.go)

    def add_panel(self, panel: Panel, key: str, layouts: tuple[str, ...] = ()) -> None:
        """Take a panel in: it is told of results from now on, and the View menu shows and hides it.

        Args:
            key: its name in the tables of :mod:`app.shell.layouts`, which say where it stands.
            layouts: where no table names ``key``, the layouts that show it at their right end.
        """
        self.panels[key] = panel
        panel.set_context(*self._context)
        action = self.board.add(key, panel, layouts)
        action.setToolTip(panel.sentence)
        self.menus.panel(action)

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

    def _arranged(self, name: str) -> None:
        for panel in self.panels.values():
            panel.set_detailed(name == "Explain")
        self.ask()

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
        doing = "Connecting to the camera" if CameraSpec.parse(path or "") else "Reading the recording"
        self.message.show_message(f"Opening {self._name}", f"{doing} and loading the network.")
        # A camera opens for one pipeline at a time: the last one must have let go of it.
        self._closing_timer.start()
        self._open_when_closed()

    @property
    def recording(self) -> Path | None:
        """The file that is open; None for a camera."""
        return self.workbench.file(self.path)

    @property
    def bundled(self) -> bool:
        """Whether what is open came with the program, which must not be written to."""
        return self.path is None or which_bundled(self.workbench.recordings, self.recording) is not None

    def set_labels(self, labels: Sidecar) -> None:
        """Show what is true of the recording from now on."""
        for panel in self.panels.values():
            panel.set_labels(labels)

    @property
    def _name(self) -> str:
        camera = CameraSpec.parse(self.path or "")
        if camera is not None:
            return camera.words
        return file.name if (file := self.recording) is not None else "the bundled recording"

    def _open_when_closed(self) -> None:
        if not self._threads.closed:
            return
        self._closing_timer.stop()
        try:
            pipeline = self.workbench(self.path)
            pipeline.start()
        except McoeError as error:
            self._failed(str(error))
            return
        self.pipeline = pipeline
        self.set_labels(load_sidecar(recording) if (recording := self.recording) is not None else Sidecar())
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
            self._threads.close(pipeline.close)
            self.pipeline_changed.emit(None)
        self._set_context(None, None)
        for panel in self.panels.values():
            panel.clear()
        self.status.show_stats(None)

    def feature(self, kind: type[Feature]) -> Feature:
        """Return the one feature of this class."""
        return next(feature for feature in self._features if isinstance(feature, kind))

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
        started = time.perf_counter()
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
        self.hud.ticked((time.perf_counter() - started) * 1e3, stats)

    def refresh_status(self) -> None:
        """Bring the status line up to date."""
        if self.pipeline is not None:
            self.status.show_stats(self.pipeline.stats())

    def _set_context(self, source: SourceInfo | None, engine: EngineInfo | None) -> None:
        if source is not self._context[0]:
            self.transport.set_source(source)
            self.source_changed.emit(source)
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
        elif state == "ended" and self._shown is None and state != self._state and not stats.dropped_windows:
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
        name = source.name if source else (self._name if self.path else "")
        if self.headline.say(name, self._state):
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
