"""The main window: it puts board, menus, bars and cards together and follows the stream."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QCloseEvent, QResizeEvent
from PySide6.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from mcoe.capture.cameras import CameraSpec
from mcoe.capture.files import dialog_filter
from mcoe.core.discovery import public_modules
from mcoe.core.paths import config_folder, home
from mcoe.recording.sidecar import Sidecar
from mcoe.results import PipelineStats, Result

from .. import features, panels
from ..core.context import Context, Feature
from ..core.jobs import Jobs
from ..core.menus import Menus
from ..core.panels import Panels
from ..core.settings import Settings, seal, unseal
from ..core.shared import Findings, Looking, Notices
from ..core.stream import Stream
from ..core.workbench import Workbench
from ..panels.base import Panel
from ..widgets import theme
from ..widgets.label import NAME, plain
from .board import Board
from .drop import DropWindow
from .headline import Headline
from .help import HelpOverlay
from .hud import Hud
from .keys import add_file, add_help, add_playback, add_quit, add_view
from .layouts import LAYOUTS, leaves
from .message import MessageCard
from .notice import Notice
from .status import StatusLine
from .transport import Transport

Kind = TypeVar("Kind")


class MainWindow(DropWindow):
    """Shows one stream at a time.

    Args:
        workbench: makes the pipeline of a recording by path, or of the default source when given None.
        settings: what is kept between runs; the user's own file when None.

    Attributes:
        context: what features and dialogs know of the program.
        features: every feature there is.
    """

    def __init__(self, workbench: Workbench, settings: Settings | None = None) -> None:
        super().__init__()
        self.settings = settings or Settings(config_folder() / "settings.json")
        self.settings.setParent(self)
        self.font_px = 0
        self._state = ""
        self._shown_s = 0.0  # when the status line was last brought up to date
        self.setWindowTitle("MCO-E Live")
        self.setMinimumSize(1100, 680)
        self.board, self.menus = Board(), Menus(self)
        self.transport, self.status = Transport(), StatusLine()
        central = self._lay_out()
        self.message, self.notice = MessageCard(self.board), Notice(self.board)
        self.hud, self.help = Hud(self.board), HelpOverlay(central, self.menus)
        self.headline = Headline(self.menuBar())
        self.notices = Notices(self)
        self.jobs = Jobs(self.notices.fail, self)
        self.stream = Stream(workbench, self.jobs, self)
        self.panels = Panels(lambda key: self.board.docks[key], self)
        for kind in sorted(_kinds(panels, Panel), key=_place):
            self._add(kind())
        self.context = Context(
            workbench, self.settings, self.stream, self.panels, self.menus, self.jobs, self.notices,
            Looking(self.settings, self), Findings(self), self, self.transport.add_tool,
        )  # fmt: skip
        self._follow()
        add_file(self.menus, self.choose_file)
        add_playback(self.menus, self.stream, self.transport)
        add_view(self.menus, self, self.show_layout, self.reset_layout)
        add_help(self.menus, self.hud, self.help)
        kinds = sorted(_kinds(features, Feature), key=lambda kind: kind.order)
        self.features = [kind(self.context) for kind in kinds]
        add_quit(self.menus, self.close)
        self._rescale()
        self.show_layout("Demo")
        self._welcome()
        if self.settings.trouble:
            self.notices.fail(self.settings.trouble)

    def _lay_out(self) -> QWidget:
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
        return central

    def _add(self, panel: Panel) -> None:
        """Take a panel in: it is told of results from now on, and the View menu shows and hides it."""
        self.panels.add(panel)
        action = self.board.add(panel)
        action.setToolTip(panel.sentence)
        self.menus.panel(action, panel.shortcut)

    def _follow(self) -> None:
        stream, transport, message = self.stream, self.transport, self.message
        stream.opening.connect(self._opening)
        stream.failed.connect(self._failed)
        stream.context_changed.connect(self._show_context)
        stream.source_changed.connect(transport.set_source)
        stream.result_shown.connect(self._show_result)
        stream.labels_changed.connect(self._show_labels)
        stream.pipeline_changed.connect(self._pipeline_changed)
        stream.ticked.connect(self._tick)
        stream.trouble_changed.connect(self._show_trouble)
        stream.go_wanted.connect(transport.go)
        transport.play_toggled.connect(stream.toggle_play)
        transport.stepped.connect(stream.step)
        transport.sought.connect(stream.seek)
        transport.speed_changed.connect(stream.set_speed)
        message.open_requested.connect(self.choose_file)
        message.retry_requested.connect(stream.reopen)
        self.notices.said.connect(self.notice.say)
        self.notices.hidden.connect(self.notice.hide)
        self.notices.offered.connect(message.offer)
        self.board.arranged.connect(self._arranged)
        self.board.sight_changed.connect(self.panels.sight_changed)
        self.dropped.connect(self._dropped)

    # ---- layouts

    def show_layout(self, name: str) -> None:
        """Show a layout as it was left."""
        self._keep_layout()
        self.board.arrange(name, self.settings.values.arrangements.get(name))
        self.message.raise_()

    def reset_layout(self) -> None:
        """Put every panel of this layout back in its place."""
        self.board.arrange(self.board.layout_name)
        self.message.raise_()

    def _arranged(self, name: str) -> None:
        for panel in self.panels:
            panel.set_detailed(name == "Explain")
        self.panels.arranged.emit(name)

    def _keep_layout(self) -> None:
        if self.board.layout_name:
            kept = self.settings.values.arrangements | {self.board.layout_name: self.board.arrangement()}
            self.settings.update(arrangements=kept)

    def restore(self) -> None:
        """Take size, place and layout from the last run."""
        values = self.settings.values
        self.show_layout(values.layout if values.layout in LAYOUTS else "Demo")
        self.restoreGeometry(QByteArray(unseal(values.geometry)))

    # ---- opening

    def choose_file(self) -> None:
        """Ask for a recording and open it."""
        folder = self.settings.folder("open", home())
        path, _ = QFileDialog.getOpenFileName(self, "Open a recording", str(folder), dialog_filter())
        if path:
            self.settings.keep_folder("open", Path(path).parent)
            self.stream.open(path)

    def _dropped(self, path: str) -> None:
        if path.lower().endswith(".safetensors"):
            self.stream.weights_dropped.emit(Path(path))
        else:
            self.stream.open(path)

    def _opening(self) -> None:
        doing = "Connecting to the camera" if CameraSpec.parse(self.stream.path or "") else "Reading the recording"
        self.message.show_message(f"Opening {self.stream.wanted_name}", f"{doing} and loading the network.")

    def _failed(self, words: str) -> None:
        self._state = "failed"
        self.message.show_message(f"Cannot show {self.stream.wanted_name}", words, can_open=True, can_retry=True)
        self._show_headline()

    def _welcome(self) -> None:
        self.message.show_message(
            "MCO-E Live", "Open a recording with frames and events, or drop one onto this window.", can_open=True
        )

    # ---- what the stream tells

    def _pipeline_changed(self, pipeline: object) -> None:
        self._state, self._shown_s = "", 0.0
        if pipeline is None:
            for panel in self.panels:
                panel.clear()
            self.status.show_stats(None)
        else:
            self.stream.set_speed(self.transport.speed.currentData())

    def _show_context(self, source: object, engine: object) -> None:
        self.status.set_engine(self.stream.engine)
        if self.stream.engine is not None and self.stream.engine.notice:
            self.notices.fail(self.stream.engine.notice)
        for panel in self.panels:
            panel.set_context(self.stream.source, self.stream.engine)

    def _show_labels(self, labels: Sidecar) -> None:
        for panel in self.panels:
            panel.set_labels(labels)

    def _show_result(self, result: Result, history: list[object]) -> None:
        started = time.perf_counter()
        for panel in self.panels:
            panel.show_result(result, history)  # type: ignore[arg-type]
        self.hud.ticked((time.perf_counter() - started) * 1e3)

    def _tick(self, stats: PipelineStats) -> None:
        self.transport.show_stats(stats)
        self.hud.show_stats(stats)
        self._show_state(stats)
        now = time.monotonic()
        if now - self._shown_s >= self.status.CALM_S:
            self._shown_s = now
            self.status.show_stats(stats)

    def _show_state(self, stats: PipelineStats) -> None:
        state = stats.state
        if state not in ("loading", "failed") and self.stream.result is not None and self.message.isVisible():
            self.message.hide()
        self._state = state
        self.transport.setEnabled(state not in ("loading", "failed"))
        self._show_headline()

    def _show_trouble(self, words: str) -> None:
        self.headline.lost = words
        self._show_headline()

    def _show_headline(self) -> None:
        name = self.stream.name
        if self.headline.say(name, self._state):
            self.setWindowTitle(f"{plain(name, NAME)} – MCO-E Live" if name else "MCO-E Live")

    # ---- the end

    def closeEvent(self, event: QCloseEvent) -> None:
        self._keep_layout()
        geometry = seal(bytes(self.saveGeometry().data()))
        self.settings.update(geometry=geometry, layout=self.board.layout_name)
        self.stream.close()
        self.jobs.cancel_all()
        self.settings.save()
        super().closeEvent(event)

    def join(self) -> tuple[str, ...]:
        """Wait for what must not be cut off, recordings first; for the end of the program.

        Returns:
            What hung and was left, in words.
        """
        left = () if self.stream.finish_recordings() else ("A recording that the disk does not take",)
        return (*left, *self.jobs.join())

    # ---- Qt events

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._rescale()

    def _rescale(self) -> None:
        px = theme.font_px(self.height())
        if px != self.font_px:
            self.font_px = px
            self.setStyleSheet(theme.style_sheet(px))


def _place(kind: type[Panel]) -> tuple[int, str]:
    """Order panels as the layouts show them, then by title."""
    keys = [key for tree in LAYOUTS.values() for key in leaves(tree)]
    return (keys.index(kind.key) if kind.key in keys else len(keys)), kind.title


def _kinds(package: ModuleType, base: type[Kind]) -> list[type[Kind]]:
    """Return the subclasses of ``base`` that the modules of ``package`` define: a new module is all there is to add."""
    modules = public_modules(package.__name__)
    found = [
        each
        for module in modules
        for each in vars(module).values()
        if getattr(each, "__module__", "") == module.__name__
    ]
    return [each for each in found if isinstance(each, type) and issubclass(each, base) and each is not base]
