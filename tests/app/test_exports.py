"""Everything that leaves the window: tables, report, film, pictures."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from xml.etree import ElementTree

import cv2
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QFileDialog

from app.exports import Exports
from app.lab import Laboratory
from mcoe.capture.sidecar import Segment, Sidecar
from mcoe.live.headless import header
from mcoe.live.session import save_table
from mcoe.model.config import EMOTIONS
from tests.app.test_sweep import some_sweep
from tests.live.fakes import FakeEngine


@pytest.fixture
def exports(playing, qtbot):
    window, pipeline = playing
    pipeline.advance(20)
    yield window.feature(Exports)
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
    kept = exports.log.results()[-1]
    assert (kept.window.frame, kept.window.rgb, kept.older.voxel, kept.prediction.cam_rgb) == (None,) * 4


def test_parquet_holds_the_same_table(exports, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    save_table(exports.log.results(), tmp_path / "p.parquet")
    table = parquet.read_table(str(tmp_path / "p.parquet"))
    assert table.column_names == header(8)
    assert table["emotion"][0].as_py() in EMOTIONS
    assert isinstance(table["happy"][0].as_py(), float)


def test_without_pyarrow_the_menu_says_what_to_install(exports):
    assert exports.parquet_action.isEnabled() or "pip install pyarrow" in exports.parquet_action.text()


def test_the_report_is_one_self_contained_page(exports, playing, qtbot, answer):
    window, _ = playing
    lab = window.feature(Laboratory)
    lab.show_sweep()
    lab.dialog.show_sweep(some_sweep(), "eye_demo.aedat4")
    window.set_labels(Sidecar((Segment(0, 1 << 62, "happy"),)))
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
    lab.dialog.close()


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


def test_a_film_can_be_stopped_and_is_not_kept(exports, playing, qtbot, answer, maker):
    import threading

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


def test_every_panel_can_be_copied_and_saved(exports, playing, qtbot, answer):
    window, _ = playing
    assert {panel.contextMenuPolicy() for panel in window.panels.values()} == {Qt.ContextMenuPolicy.CustomContextMenu}
    copy, save = exports.menu("emotions").actions()
    copy.trigger()
    image = QGuiApplication.clipboard().image()
    assert image.size() == window.board.docks["emotions"].size()
    path = answer("e.png")
    save.trigger()
    assert QImage(str(path)).size() == window.board.docks["emotions"].size()


def test_nothing_open_is_told(window):
    window.feature(Exports).ask("csv")
    assert "Nothing is open" in window.notice.text()


def test_nothing_predicted_yet_is_told(window, maker, qtbot, tmp_path):
    window.open("eye_demo.aedat4")
    qtbot.waitUntil(lambda: window.pipeline is not None)
    window.feature(Exports).save(tmp_path / "p.csv")
    qtbot.waitUntil(lambda: "Nothing has been predicted yet" in window.notice.text())
    assert not (tmp_path / "p.csv").exists()


def test_files_are_named_after_the_recording(exports):
    assert exports.name == Path("eye_demo.aedat4").stem
