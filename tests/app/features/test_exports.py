"""Everything that leaves the window: tables, report, film, pictures."""

from __future__ import annotations

import csv
import importlib.util
import re
import sys
import threading
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from pyarrow import parquet
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QImage
from PySide6.QtWidgets import QApplication, QFileDialog

from app.export import writing
from app.export.report import HEIGHT, spread
from app.export.writing import write_png
from app.features import exports as module
from app.features.exports import COLOURS, Exports
from app.features.eye import EyeRegion
from app.shell.window import MainWindow
from mcoe.core.words import EMOTIONS
from mcoe.events.inputs import View
from mcoe.live.jobs.film import draw
from mcoe.recording.sidecar import Segment, Sidecar
from mcoe.recording.table import header, save_table
from tests.app.dialogs.test_sweep import some_sweep
from tests.app.fake import HEIGHT as FAKE_HEIGHT
from tests.app.fake import WIDTH, feature
from tests.live.fakes import FakeEngine, FakeSource, packets


@pytest.fixture
def exports(playing, qtbot):
    window, pipeline = playing
    pipeline.advance(20)
    yield feature(window, Exports)
    window.join()


@pytest.fixture
def answer(monkeypatch, tmp_path):
    def choose(name):
        path = tmp_path / name
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(path), ""))
        return path

    return choose


def saved(window, qtbot, path):
    qtbot.waitUntil(lambda: window.notice.text() == f"Saved {path}")


def test_predictions_have_the_rows_of_a_headless_run(exports, playing, qtbot, answer):
    window, pipeline = playing
    path = answer("p.csv")
    qtbot.keyClick(window, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    saved(window, qtbot, path)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert list(rows[0]) == header(8)
    last = pipeline.latest()
    assert int(rows[-1]["time_us"]) == last.window.t1_us
    assert int(rows[-1]["events"]) == len(last.window.events)
    assert float(rows[-1]["happy"]) == float(last.prediction.probabilities[0])


def test_the_log_keeps_no_pictures(exports):
    kept = exports.context.findings.log.results()[-1]
    assert (kept.window.frame, kept.window.rgb, kept.older.voxel, kept.prediction.cam_rgb) == (None,) * 4


def test_parquet_holds_the_same_table_as_csv(exports, playing, qtbot, answer):
    window, _ = playing
    path = answer("p.parquet")
    exports.parquet_action.trigger()
    saved(window, qtbot, path)
    save_table(exports.context.findings.log.results(), path.with_suffix(".csv"))
    table = parquet.read_table(str(path))
    assert table.column_names == header(8)
    rows = list(csv.DictReader(path.with_suffix(".csv").read_text().splitlines()))
    assert len(rows) == table.num_rows == 25
    for name in table.column_names:
        values = table[name].to_pylist()
        kinds = [type(value) for value in values]
        told = [None if kind is type(None) else kind(row[name]) for kind, row in zip(kinds, rows, strict=True)]
        assert told == values
    assert {type(table[name][0].as_py()) for name in ("time_us", "events")} == {int}
    assert {type(table[name][0].as_py()) for name in EMOTIONS} == {float}


def test_without_pyarrow_menu_and_error_say_what_to_install(playing, maker, settings, qtbot, monkeypatch, tmp_path):
    shown, _ = playing
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    window = MainWindow(maker, settings)
    qtbot.addWidget(window)
    action = feature(window, Exports).parquet_action
    assert not action.isEnabled()
    assert "pip install pyarrow" in action.text()
    feature(shown, Exports).save(tmp_path / "p.parquet")
    qtbot.waitUntil(
        lambda: shown.notice.text() == "Parquet needs pyarrow; install it with: pip install pyarrow; or save CSV."
    )
    assert not (tmp_path / "p.parquet").exists()


def test_the_report_is_one_self_contained_page(exports, playing, qtbot, answer):
    window, _ = playing
    window.context.findings.sweep = some_sweep()
    window.stream.set_labels(Sidecar((Segment(0, 1 << 62, "happy"),)))
    path = answer("r.html")
    exports.ask("html")
    saved(window, qtbot, path)
    page = path.read_text()
    assert not re.search(r"(src|href)=", page)
    assert page.count("<svg") == 3
    for words in ("Against the labels", "Under other light", "equal use", "eye_demo"):
        assert words in page
    for drawing in re.findall(r"<svg.*?</svg>", page, re.S):
        ElementTree.fromstring(drawing)


def test_labels_at_a_charts_end_stand_apart_and_inside():
    assert spread([20, 60, 100]) == [20, 60, 100]
    for ys in ([200.0] * 7, [8.0] * 7, list(range(190, 218, 4))):
        placed = spread(ys)
        assert min(np.diff(placed)) >= 15
        assert placed[0] >= 12
        assert placed[-1] <= HEIGHT - 24


def test_a_report_without_labels_or_sweep_leaves_them_out(exports, playing, qtbot, answer):
    window, _ = playing
    path = answer("r.html")
    exports.ask("html")
    saved(window, qtbot, path)
    assert "Against the labels" not in path.read_text()
    assert "Under other light" not in path.read_text()


def test_a_film_of_the_recording(exports, playing, qtbot, answer):
    window, _ = playing
    path = answer("f.mp4")
    exports.film()
    saved(window, qtbot, path)
    film = cv2.VideoCapture(str(path))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 30
    assert film.get(cv2.CAP_PROP_FPS) == pytest.approx(30, abs=0.1)
    assert (film.get(cv2.CAP_PROP_FRAME_WIDTH), film.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (876, 480)
    assert film.read()[1].std() > 10
    film.release()


def test_a_film_shows_what_the_window_shows(exports, playing, qtbot, answer, maker):
    window, _ = playing
    seen = []

    class Watching(FakeEngine):
        def step(self, older, window, question):
            seen.append((window.roi, window.mirror, len(window.events)))
            return super().step(older, window, question)

    maker.build = lambda weights=None: Watching()
    maker.open_source = lambda path: FakeSource(packets(events_per_batch=12))
    counts = []
    for on in (False, True):
        eye = feature(window, EyeRegion)
        window.context.looking.set_view(View((3, 2, 16), mirror=on))
        eye.filter_action.setChecked(on)
        path = answer(f"look{on}.mp4")
        exports.film()
        saved(window, qtbot, path)
        assert {(roi, mirror) for roi, mirror, _ in seen} == {((3, 2, 16), on)}
        counts.append(sum(count for *_, count in seen))
        seen.clear()
    assert 0 < counts[1] < counts[0]


def test_a_film_of_an_untrained_network_says_so(exports):
    result = exports.context.stream.pipeline.latest()
    plain, warned = (draw(result, (WIDTH, FAKE_HEIGHT), COLOURS, trained=trained) for trained in (True, False))
    differs = np.argwhere((plain != warned).any(-1))
    assert len(differs) > 300
    assert differs[:, 1].min() > plain.shape[1] - 300, "beside the picture"
    assert differs[:, 1].max() < plain.shape[1] - 4


def test_a_film_can_be_stopped_and_is_not_kept(exports, playing, qtbot, answer, maker):
    window, _ = playing
    gate = threading.Semaphore(3)
    maker.build = lambda weights=None: FakeEngine(gate)
    path = answer("f.mp4")
    exports.film()
    qtbot.waitUntil(lambda: "Filming" in window.notice.text())
    assert "Stop" in exports.film_action.text()
    exports.film_action.trigger()
    gate.release(60)
    qtbot.waitUntil(lambda: "no film was kept" in window.notice.text())
    assert not path.exists()


@pytest.mark.parametrize("name", ["p.csv", "r.html", "f.mp4", "v.png"])
def test_a_place_that_cannot_be_written_is_told(exports, playing, qtbot, tmp_path, name):
    window, _ = playing
    exports.save(tmp_path / "absent" / name)
    qtbot.waitUntil(lambda: "Cannot write" in window.notice.text())


def test_the_view_is_saved(exports, playing, qtbot, answer):
    window, _ = playing
    path = answer("v.png")
    qtbot.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    saved(window, qtbot, path)
    image = QImage(str(path))
    assert (image.width(), image.height()) == (window.width(), window.height())


def test_a_picture_is_encoded_beside_the_window_and_beside_a_film(exports, playing, qtbot, answer, maker, monkeypatch):
    window, _ = playing
    gate, encode, threads = threading.Semaphore(3), threading.Event(), []

    def slow(path, image):
        threads.append(threading.current_thread())
        assert encode.wait(60)
        write_png(path, image)

    monkeypatch.setattr(module, "write_png", slow)
    maker.build = lambda weights=None: FakeEngine(gate)
    film = answer("f.mp4")
    exports.film()
    qtbot.waitUntil(lambda: "Filming" in window.notice.text())
    path = answer("v.png")
    qtbot.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    with qtbot.waitSignal(window.stream.result_shown):  # the window goes on
        playing[1].advance()
    assert threads[0] is not threading.main_thread()
    assert not path.exists()
    encode.set()
    qtbot.waitUntil(path.exists)
    assert QImage(str(path)).size() == window.size()
    exports.film_action.trigger()
    gate.release(60)
    qtbot.waitUntil(lambda: "no film was kept" in window.notice.text())
    assert not film.exists()


def test_a_picture_that_cannot_be_written_leaves_the_old_one(exports, playing, qtbot, tmp_path, monkeypatch):
    window, _ = playing
    path = tmp_path / "v.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(writing.cv2, "imencode", lambda *args: 1 / 0)
    exports.save(path)
    qtbot.waitUntil(lambda: "ZeroDivisionError" in window.notice.text())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.glob("v.png*")) == [path]


def test_every_panel_can_be_copied_and_saved(exports, playing, qtbot, answer):
    window, _ = playing
    assert {panel.contextMenuPolicy() for panel in window.panels} == {Qt.ContextMenuPolicy.CustomContextMenu}
    copy, save = exports.menu("emotions").actions()
    copy.trigger()
    image = QGuiApplication.clipboard().image()
    assert image.size() == window.board.docks["emotions"].size()
    path = answer("e.png")
    save.trigger()
    saved(exports.context.parent, qtbot, path)
    assert QImage(str(path)).size() == window.board.docks["emotions"].size()


@pytest.mark.parametrize("part", ["canvas", "head"])
def test_a_right_click_on_a_plot_or_its_head_copies_it(exports, playing, qtbot, part):
    window, _ = playing
    QGuiApplication.clipboard().setText("before")
    widget = getattr(window.panels["experts"], part)
    at = QPoint(5, 5)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, widget.mapToGlobal(at))
    QApplication.sendEvent(widget, event)
    menu = QApplication.activePopupWidget()
    assert [action.text() for action in menu.actions()] == ["Copy picture", "Save picture…"]
    qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(menu.actions()[0]).center())
    assert QGuiApplication.clipboard().image().size() == window.board.docks["experts"].size()
    assert "Experts" in window.notice.text()


def test_the_keyboard_copies_a_plot_by_the_menu(exports, playing):
    window, _ = playing
    exports.plots.aboutToShow.emit()
    assert [a.text() for a in exports.plots.actions()] == [p.title for p in window.panels if p.isVisible()]
    next(a for a in exports.plots.actions() if a.text() == "Grad-CAM").trigger()
    assert QGuiApplication.clipboard().image().size() == window.board.docks["heatmaps"].size()


@pytest.mark.parametrize(("typed", "made"), [("film", "film.mp4"), ("a.b", "a.b.mp4"), ("F.MP4", "F.MP4")])
def test_a_name_without_its_extension_gets_it(exports, playing, qtbot, answer, tmp_path, typed, made):
    window, _ = playing
    answer(typed)
    exports.film()
    saved(window, qtbot, tmp_path / made)
    assert cv2.VideoCapture(str(tmp_path / made)).isOpened()


def test_a_table_is_finished_and_told_although_another_recording_was_opened(
    exports, playing, qtbot, answer, maker, monkeypatch
):
    window, pipeline = playing
    gate = threading.Event()
    monkeypatch.setattr(module, "save_table", lambda results, path: gate.wait(60) and save_table(results, path))
    path = answer("p.csv")
    exports.ask("csv")
    window.stream.open("other.aedat4")
    qtbot.waitUntil(lambda: maker.made[-1] is not pipeline)
    gate.set()
    saved(window, qtbot, path)
    assert len(path.read_text().splitlines()) == 26, "of what was shown before"


def test_nothing_open_is_told(window):
    feature(window, Exports).ask("csv")
    assert "Nothing is open" in window.notice.text()


def test_nothing_predicted_yet_is_told(window, maker, qtbot, tmp_path):
    window.stream.open("eye_demo.aedat4")
    qtbot.waitUntil(lambda: window.stream.pipeline is not None)
    feature(window, Exports).save(tmp_path / "p.csv")
    qtbot.waitUntil(lambda: "Nothing has been predicted yet" in window.notice.text())
    assert not (tmp_path / "p.csv").exists()


def test_files_are_named_after_the_recording(exports):
    assert exports.name == Path("eye_demo.aedat4").stem


@pytest.mark.parametrize("link", ["symbolic", "hard", "none"])
@pytest.mark.parametrize("kind", ["csv", "parquet", "html", "mp4", "png"])
def test_nothing_is_saved_onto_what_is_open(playing, maker, tmp_path, kind, link):
    """A video that is being read, or a link to it, is what the film would be called after."""
    window, _ = playing
    recording = tmp_path / f"rec.{kind}"
    recording.write_text("precious")
    path = recording if link == "none" else tmp_path / f"link.{kind}"
    if link != "none":
        (path.symlink_to if link == "symbolic" else path.hardlink_to)(recording)
    window.stream.open(str(recording))
    maker.made[-1].advance(3)
    feature(window, Exports).save(path)
    assert f"{path} is the recording" in window.notice.text()
    assert not [job for job in window.jobs.running if job.name.startswith("Writing")]
    assert recording.read_text() == "precious"


def test_nor_onto_what_is_being_recorded(playing, tmp_path):
    window, pipeline = playing
    recording = tmp_path / "rec.aedat4"
    recording.write_text("precious")
    recording.with_suffix(".csv").write_text("precious")
    pipeline.record(recording)
    pipeline.recording = replace(pipeline.recording, path=recording)
    feature(window, Exports).save(recording.with_suffix(".csv"))
    assert "is the table of rec.aedat4, which would be lost" in window.notice.text()
    assert recording.with_suffix(".csv").read_text() == "precious"
