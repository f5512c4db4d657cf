"""What the user takes home: predictions, a report, a film, pictures of the window and of each plot."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from mcoe.core.errors import McoeError
from mcoe.core.paths import home
from mcoe.core.words import EMOTIONS
from mcoe.live.jobs.film import save_video
from mcoe.recording.sidecar import load_sidecar
from mcoe.recording.table import has_parquet, save_table

from ..core.context import Context, Feature
from ..core.jobs import Job
from ..core.protocol import Pipeline
from ..export.report import save_report
from ..export.writing import write_png
from ..widgets import theme

#: Colours of the film.
COLOURS = {name: theme.rgb(theme.EMOTION_COLOURS[name]) for name in EMOTIONS} | {
    "on": theme.rgb(theme.ON), "off": theme.rgb(theme.OFF), "text": theme.rgb(theme.TEXT),
    "dim": theme.rgb(theme.DIM), "ground": theme.rgb(theme.BACKGROUND),
}  # fmt: skip


class Exports(Feature):
    """Wires the exports to the Session menu and to every panel's context menu."""

    order = 90

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        #: The table, report or film that is being written, and its file: one at a time. Pictures go beside it.
        self._job: tuple[Job[object], Path] | None = None
        add = context.menus.add
        add("Session", "Save &predictions…", "Ctrl+E", partial(self.ask, "csv"), "A row per window, as --headless does")
        self.parquet_action = add("Session", "Save predictions as Par&quet…", "", partial(self.ask, "parquet"))
        if not has_parquet():
            self.parquet_action.setText("Predictions as Parquet need: pip install pyarrow")
            self.parquet_action.setEnabled(False)
        add("Session", "Save &report…", "Ctrl+P", partial(self.ask, "html"), "The session on one page, as HTML")
        self.film_action = add("Session", "Save fil&m…", "Ctrl+Shift+E", self.film, "The recording with bars, as MP4")
        add("Session", "Save this &view…", "Ctrl+S", partial(self.ask, "png"), "The window as a PNG")
        self.plots = context.menus.submenu("Session", "Cop&y plot")
        self.plots.aboutToShow.connect(self._list_plots)
        context.stream.pipeline_changed.connect(self._opened)
        for panel in context.panels:
            for part in (panel, panel.head):
                part.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
                part.customContextMenuRequested.connect(partial(self._menu, panel.key, part))

    def _opened(self, pipeline: Pipeline | None) -> None:
        if self._job is not None and self.filming:  # a table or report is of what was, and soon through
            self._job[0].cancel()
        if pipeline is not None:
            self.context.findings.begin()
            pipeline.on_result = self.context.findings.log.add

    # ---- files

    def ask(self, kind: str) -> None:
        """Ask for a file of this kind (csv, parquet, html, mp4, png) and write it."""
        if self.context.stream.pipeline is None and kind != "png":
            self.context.notices.fail("Nothing is open that could be saved; open a recording or a camera first.")
            return
        names = {"csv": "Table", "parquet": "Table", "html": "Report", "mp4": "Film", "png": "Picture"}
        path = self._file(f"{self.name}.{kind}", f"{names[kind]} (*.{kind})")
        if path is not None:
            self.save(path)

    def film(self) -> None:
        """Film the recording, or stop filming."""
        if self._job is not None and self.filming:
            self._job[0].cancel()
        elif self.context.stream.file is None:
            self.context.notices.fail("A camera cannot be filmed afterwards; record it and open the recording.")
        else:
            self.ask("mp4")

    @property
    def filming(self) -> bool:
        """Whether a film is being written."""
        return self._job is not None and self._job[1].suffix.lower() == ".mp4"

    @property
    def name(self) -> str:
        """What files are called after: the recording or the camera."""
        stream = self.context.stream
        if stream.file is not None:
            return stream.file.stem
        return stream.source.name.replace("/", "-") if stream.source is not None else "mcoe-live"

    def _file(self, proposed: str, kinds: str) -> Path | None:
        settings = self.context.settings
        folder = settings.folder("export", home())
        name, _ = QFileDialog.getSaveFileName(self.context.parent, "Save", str(folder / proposed), kinds)
        if not name:
            return None
        path, kind = Path(name), Path(proposed).suffix
        settings.keep_folder("export", path.parent)
        return path if path.suffix.lower() == kind else path.with_name(path.name + kind)

    def save(self, path: Path) -> None:
        """Write the session to ``path``, as its extension says, in a thread; how it went is told."""
        context, kind = self.context, path.suffix.lower()
        if not self._may_write(path):
            return
        if kind == ".png":
            self._picture(context.parent, path)
            return
        if self._job is not None:
            context.notices.fail(f"{self._job[1].name} is still being written; wait for it or stop it.")
            return
        results = context.findings.log.results()
        if kind == ".mp4":
            self.film_action.setText("Stop the fil&m")
            self._begin(path, self._filming(path))
        elif kind == ".html":
            engine, labels, name = context.stream.engine, context.stream.labels, self.name
            sweep = context.findings.sweep
            self._begin(path, lambda _: save_report(path, name, engine, results, labels, sweep))
        else:
            self._begin(path, lambda _: save_table(results, path))

    def _may_write(self, path: Path) -> bool:
        """Whether writing ``path`` destroys nothing; says so if it would."""
        try:
            self.context.check_output(path)
        except McoeError as error:
            self.context.notices.fail(str(error))
            return False
        return True

    def _filming(self, path: Path) -> Callable[[Job[object]], object]:
        bench, stream = self.context.workbench, self.context.stream
        opened, file, preprocessing = stream.path, stream.file, self.context.looking.preprocessing
        return lambda job: save_video(
            lambda: bench.open_source(opened), bench.build, path, stride=bench.gap(),
            preprocessing=preprocessing, colours=COLOURS,
            sidecar=load_sidecar(file) if file is not None else None, progress=job.progress,
        )  # fmt: skip

    def _begin(self, path: Path, work: Callable[[Job[object]], object]) -> None:
        notices = self.context.notices
        job = self.context.jobs.start(
            f"Writing {path.name}", work, lambda _: notices.say(f"Saved {path}"), over=self._over,
            progressed=lambda share: notices.say(f"Filming {path.name}: {100 * share:.0f} %"), kept=True,
        )  # fmt: skip
        job.cancelled.connect(lambda: notices.say("Stopped: no film was kept."))
        self._job = job, path

    def _over(self) -> None:
        self._job = None
        self.film_action.setText("Save fil&m…")

    def _picture(self, widget: QWidget, path: Path) -> None:
        notices = self.context.notices
        notices.hidden.emit()
        # Only the window's own thread may take the picture; encoding and writing it would hold the window up.
        image = widget.grab().toImage()
        self.context.jobs.start(
            f"Writing {path.name}", lambda _: write_png(path, image), lambda _: notices.say(f"Saved {path}"), kept=True
        )

    # ---- a panel's context menu

    def menu(self, key: str) -> QMenu:
        """Return the context menu of the panel ``key``."""
        menu = QMenu(self.context.parent)
        menu.addAction("Copy picture").triggered.connect(lambda: self.copy(key))
        menu.addAction("Save picture…").triggered.connect(lambda: self.save_panel(key))
        return menu

    def _menu(self, key: str, where: QWidget, at: QPoint) -> None:
        menu = self.menu(key)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(where.mapToGlobal(at))

    def _list_plots(self) -> None:
        self.plots.clear()
        for panel in self.context.panels:
            if panel.isVisible():
                self.plots.addAction(panel.title).triggered.connect(partial(self.copy, panel.key))

    def copy(self, key: str, _: bool = False) -> None:
        """Put the picture of a panel, with its title, on the clipboard."""
        panels = self.context.panels
        QGuiApplication.clipboard().setPixmap(panels.frame(key).grab())
        self.context.notices.say(f"{panels[key].title}: the picture is on the clipboard.")

    def save_panel(self, key: str) -> None:
        """Ask for a file and save the picture of a panel."""
        path = self._file(f"{self.name}-{key}.png", "Picture (*.png)")
        if path is not None and self._may_write(path):
            self._picture(self.context.panels.frame(key), path)
