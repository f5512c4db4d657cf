"""What the user takes home: predictions, a report, a film, pictures of the window and of each plot."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from mcoe.core.words import EMOTIONS
from mcoe.live.jobs.film import save_video
from mcoe.recording.session import SessionLog
from mcoe.recording.sidecar import load_sidecar
from mcoe.recording.table import has_parquet, save_table

from ..export.report import save_report
from ..export.writing import FileJob, Writing
from ..widgets import theme
from .eye import Eye
from .laboratory import Laboratory

if TYPE_CHECKING:
    from ..core.protocol import Pipeline
    from ..shell.window import MainWindow

#: Colours of the film.
COLOURS = {name: theme.rgb(theme.EMOTION_COLOURS[name]) for name in EMOTIONS} | {
    "on": theme.rgb(theme.ON), "off": theme.rgb(theme.OFF), "text": theme.rgb(theme.TEXT),
    "dim": theme.rgb(theme.DIM), "ground": theme.rgb(theme.BACKGROUND),
}  # fmt: skip


class Exports(QObject):
    """Wires the exports to the Session menu and to every panel's context menu; it must come after all panels."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.log = SessionLog()
        #: The table, report or film that is being written: one at a time. Pictures go beside it.
        self._job: FileJob | None = None
        add = window.menus.add
        add("Session", "Save &predictions…", "Ctrl+E", partial(self.ask, "csv"), "A row per window, as --headless does")
        self.parquet_action = add("Session", "Save predictions as Par&quet…", "", partial(self.ask, "parquet"))
        if not has_parquet():
            self.parquet_action.setText("Predictions as Parquet need: pip install pyarrow")
            self.parquet_action.setEnabled(False)
        add("Session", "Save &report…", "Ctrl+P", partial(self.ask, "html"), "The session on one page, as HTML")
        self.film_action = add("Session", "Save fil&m…", "Ctrl+Shift+E", self.film, "The recording with bars, as MP4")
        add("Session", "Save this &view…", "Ctrl+S", partial(self.ask, "png"), "The window as a PNG")
        self.plots = window.menus.submenu("Session", "Cop&y plot")
        self.plots.aboutToShow.connect(self._list_plots)
        self.writing = Writing(self)
        self.writing.going.connect(self._going)
        self.writing.over.connect(self._over)
        window.pipeline_changed.connect(self._opened)
        for key, panel in window.panels.items():
            panel.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            panel.customContextMenuRequested.connect(partial(self._menu, key, panel))
            panel.head.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            panel.head.customContextMenuRequested.connect(partial(self._menu, key, panel.head))

    def _opened(self, pipeline: Pipeline | None) -> None:
        if self._job is not None:
            self._job.cancel()
        if pipeline is not None:
            self.log = SessionLog()
            pipeline.on_result = self.log.add

    # ---- files

    def ask(self, kind: str) -> None:
        """Ask for a file of this kind (csv, parquet, html, mp4, png) and write it."""
        window = self._window
        if window.pipeline is None and kind != "png":
            window.notice.say("Nothing is open that could be saved; open a recording or a camera first.", bad=True)
            return
        names = {"csv": "Table", "parquet": "Table", "html": "Report", "mp4": "Film", "png": "Picture"}
        path = self._file(f"{self.name}.{kind}", f"{names[kind]} (*.{kind})")
        if path is not None:
            self.save(path)

    def film(self) -> None:
        """Film the recording, or stop filming."""
        if self._job is not None and self._job.share is not None:
            self._job.cancel()
        elif self._window.recording is None:
            self._window.notice.say("A camera cannot be filmed afterwards; record it and open the recording.", bad=True)
        else:
            self.ask("mp4")

    @property
    def name(self) -> str:
        """What files are called after: the recording or the camera."""
        file, info = self._window.recording, self._window.pipeline.info if self._window.pipeline else None
        return file.stem if file is not None else info.name.replace("/", "-") if info is not None else "mcoe-live"

    def _file(self, proposed: str, kinds: str) -> Path | None:
        settings = self._window.settings
        folder = Path(str(settings.value("export folder", str(Path.home()))))
        name, _ = QFileDialog.getSaveFileName(self._window, "Save", str(folder / proposed), kinds)
        if not name:
            return None
        path, kind = Path(name), Path(proposed).suffix
        settings.setValue("export folder", str(path.parent))
        return path if path.suffix.lower() == kind else path.with_name(path.name + kind)

    def save(self, path: Path) -> None:
        """Write the session to ``path``, as its extension says, in a thread; how it went is told."""
        window, kind, results = self._window, path.suffix.lower(), self.log.results()
        if kind == ".png":
            self._picture(window, path)
            return
        if self._job is not None:
            window.notice.say(f"{self._job.path.name} is still being written; wait for it or stop it.", bad=True)
            return
        if kind == ".mp4":
            self.film_action.setText("Stop the fil&m")
            self._begin(path, self._film())
        elif kind == ".html":
            engine = window.pipeline.engine_info if window.pipeline is not None else None
            labels = window.camera.labels
            sweep, name = window.feature(Laboratory).sweep, self.name
            self._begin(path, lambda job: save_report(job.path, name, engine, results, labels, sweep))
        else:
            self._begin(path, lambda job: save_table(results, job.path))

    def _film(self) -> Callable[[FileJob], bool]:
        window, bench, path = self._window, self._window.workbench, self._window.path
        preprocessing, file = window.feature(Eye).preprocessing, window.recording
        return lambda job: save_video(
            lambda: bench.open_source(path), bench.build, job.path, stride=bench.gap(),
            preprocessing=preprocessing, colours=COLOURS, sidecar=load_sidecar(file) if file is not None else None,
            progress=job.progress,
        )  # fmt: skip

    def _begin(self, path: Path, work: Callable[[FileJob], bool | None]) -> None:
        self._job = self.writing.begin(path, work)
        self._window.join_at_end(self._job.thread)

    def _going(self, job: FileJob) -> None:
        self._window.notice.say(f"Filming {job.path.name}: {100 * (job.share or 0):.0f} %")

    def _over(self, job: FileJob) -> None:
        if job is self._job:
            self._job = None
            self.film_action.setText("Save fil&m…")
        if job.error:
            self._window.notice.say(job.error, bad=True)
        else:
            self._window.notice.say("Stopped: no film was kept." if job.state == "cancelled" else f"Saved {job.path}")

    def _picture(self, widget: QWidget, path: Path) -> None:
        self._window.notice.hide()
        # Only the window's own thread may take the picture; encoding and writing it would hold the window up.
        job = self.writing.picture(path, widget.grab().toImage())
        self._window.join_at_end(job.thread)

    # ---- a panel's context menu

    def menu(self, key: str) -> QMenu:
        """Return the context menu of the panel ``key``."""
        menu = QMenu(self._window)
        menu.addAction("Copy picture").triggered.connect(lambda: self.copy(key))
        menu.addAction("Save picture…").triggered.connect(lambda: self.save_panel(key))
        return menu

    def _menu(self, key: str, where: QWidget, at: QPoint) -> None:
        menu = self.menu(key)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(where.mapToGlobal(at))

    def _list_plots(self) -> None:
        self.plots.clear()
        for key, panel in self._window.panels.items():
            if panel.isVisible():
                self.plots.addAction(panel.title).triggered.connect(partial(self.copy, key))

    def copy(self, key: str, _: bool = False) -> None:
        """Put the picture of a panel, with its title, on the clipboard."""
        QGuiApplication.clipboard().setPixmap(self._window.board.docks[key].grab())
        self._window.notice.say(f"{self._window.panels[key].title}: the picture is on the clipboard.")

    def save_panel(self, key: str) -> None:
        """Ask for a file and save the picture of a panel."""
        path = self._file(f"{self.name}-{key}.png", "Picture (*.png)")
        if path is not None:
            self._picture(self._window.board.docks[key], path)
