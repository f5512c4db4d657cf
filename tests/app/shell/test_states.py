"""Every designed state, reached for real: what it says, what its picture shows, and the pictures kept of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QLabel, QWidget

from app.panels.emotions import UNTRAINED
from app.shell.window import MainWindow
from app.widgets import theme
from tests.app.states import ASSETS, SIZES, STATES, Stage, clipped

#: Title, words and buttons of the card, and the colour of its drawing.
CARDS = {
    "empty": ("MCO-E Live", "drop one onto this window", ["Open a recording…"], theme.ACCENT),
    "loading": ("Opening", "loading the network", [], theme.ACCENT),
    "no_gpu": ("No GPU to run on", "No CUDA GPU", ["Run on the CPU", "Open a recording…", "Try again"], theme.WARNING),
    "error": ("Cannot show damaged.aedat4", "damaged.aedat4", ["Open a recording…", "Try again"], theme.FAILURE),
}
#: Panels of the Demo layout whose canvas must show something.
PLOTS = ("camera", "heatmaps", "emotions", "voxels", "experts", "balance", "recent")


@pytest.fixture
def stage(qtbot, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stage = Stage(tmp_path, lambda condition: qtbot.waitUntil(condition, timeout=120_000))
    yield stage
    stage.close()


def picture(window: MainWindow) -> np.ndarray:
    image = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def place(window: MainWindow, widget: QWidget) -> QRect:
    return QRect(widget.mapTo(window, QPoint()), widget.size())


def part(window: MainWindow, shown: np.ndarray, widget: QWidget) -> np.ndarray:
    at = place(window, widget)
    assert QRect(0, 0, window.width(), window.height()).contains(at), f"{widget} is cut off"
    return shown[at.top() : at.bottom() + 1, at.left() : at.right() + 1]


def count(pixels: np.ndarray, colour: str) -> int:
    return int((pixels == np.array(theme.rgb(colour), np.uint8)).all(-1).sum())


def buttons(window: MainWindow) -> list[str]:
    card = window.message
    return [b.text() for b in (card.other, card.open_button, card.retry_button) if b.isVisible()]


def check_plots(window: MainWindow, shown: np.ndarray) -> None:
    assert window.message.isHidden()
    for key in PLOTS:
        assert part(window, shown, window.panels[key].canvas).std() > 4, f"{key} is empty"
    assert part(window, shown, window.panels["camera"].canvas).std() > 15


def check_untrained(window: MainWindow, shown: np.ndarray) -> None:
    check_plots(window, shown)
    assert window.panels["emotions"].notice == UNTRAINED
    assert count(part(window, shown, window.panels["emotions"].canvas), theme.WARNING) > 100
    assert window.status.text("weights") == "untrained"


def check_lost_camera(window: MainWindow, shown: np.ndarray) -> None:
    check_plots(window, shown)  # the last picture stays
    assert "camera lost" in window.headline.text()
    assert count(part(window, shown, window.headline), theme.WARNING) > 20
    assert window.notice.isVisible()
    assert "plug it in" in window.notice.text()
    assert place(window, window.board).contains(place(window, window.notice))
    notice = part(window, shown, window.notice)
    assert count(notice, theme.FAILURE) > window.notice.width()
    assert (notice.min(-1) > 150).sum() > 300


def check_help(window: MainWindow, shown: np.ndarray) -> None:
    card = part(window, shown, window.help.card)
    listed = [words for keys in window.menus.keys().values() for pair in keys for words in pair]
    assert set(listed) <= {label.text() for label in window.help.findChildren(QLabel)}
    assert (card.min(-1) > 150).sum() > 20 * len(listed)
    assert shown[: place(window, window.help.card).top()].mean() < 40


def check_card(name: str) -> Callable[[MainWindow, np.ndarray], None]:
    title, words, wanted, colour = CARDS[name]

    def check(window: MainWindow, shown: np.ndarray) -> None:
        card = window.message
        assert card.isVisible()
        assert title in card.title.text()
        assert words in card.words.text()
        assert buttons(window) == wanted
        assert card.hints.isVisible() == (name == "empty")
        assert card.mark._timer.isActive() == (name == "loading")
        assert place(window, window.board).contains(place(window, card.card))
        assert count(part(window, shown, card.mark), colour) > 60
        assert count(part(window, shown, card.title), theme.TEXT) > 60
        assert count(part(window, shown, card.words), theme.DIM) > 60
        around = part(window, shown, window.board).mean()
        assert around < 35, "the panels below stand back"

    return check


CHECKS: dict[str, Callable[[MainWindow, np.ndarray], None]] = {
    "untrained": check_untrained, "lost_camera": check_lost_camera, "help": check_help,
    **{name: check_card(name) for name in CARDS},
}  # fmt: skip


@pytest.mark.parametrize("name", STATES)
def test_each_state_shows_what_it_must_at_both_sizes(stage, name):
    window = STATES[name](stage)
    for size in SIZES:
        stage.resize(window, size)
        assert clipped(window) == []
        shown = picture(window)
        CHECKS[name](window, shown)
        if name in CARDS:
            assert coarse(shown, size) == pytest.approx(coarse(kept(name, size), size), abs=24), (
                "the kept picture is another; write it anew with python -m tests.app.states"
            )


def kept(name: str, size: tuple[int, int]) -> np.ndarray:
    image = cv2.imread(str(ASSETS / f"state_{name}_{size[0]}x{size[1]}.png"))
    assert image is not None, "write the pictures with python -m tests.app.states"
    return image[..., ::-1]


def coarse(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Average over squares of about 40 px: a font's hinting is forgiven, a card that moved is not."""
    small = (size[0] // 40, size[1] // 40)
    return cv2.resize(np.ascontiguousarray(image), small, interpolation=cv2.INTER_AREA).astype(float)


def test_the_kept_pictures_are_all_there_whole_and_small():
    total = 0
    for name in STATES:
        for size in SIZES:
            assert kept(name, size).shape == (size[1], size[0], 3)
            bytes_ = Path(ASSETS / f"state_{name}_{size[0]}x{size[1]}.png").stat().st_size
            assert bytes_ < 125_000
            total += bytes_
    assert total < 2_500_000


def test_without_a_gpu_a_button_runs_it_on_the_cpu(stage, qtbot):
    window = STATES["no_gpu"](stage)
    qtbot.mouseClick(window.message.other, Qt.MouseButton.LeftButton)
    stage.until(lambda: window.panels["camera"].result is not None and window.message.isHidden())
    assert window.context.workbench.options.device == "auto"


def test_what_failed_can_be_tried_again(stage, qtbot):
    window = STATES["error"](stage)
    first = window.stream.pipeline
    Path("damaged.aedat4").unlink()
    qtbot.mouseClick(window.message.retry_button, Qt.MouseButton.LeftButton)
    stage.until(lambda: window.stream.pipeline is not first and window.message.kind == "failed")
    assert "does not exist" in window.message.words.text()


def test_a_camera_that_comes_back_is_said_to_be(stage):
    window = STATES["lost_camera"](stage)
    camera = window.stream.pipeline.source._device
    index = window.panels["camera"].result.window.index
    camera.plugged = True
    stage.until(lambda: "is back" in window.notice.text())
    stage.until(lambda: "camera lost" not in window.headline.text())
    assert window.panels["camera"].result.window.index >= index
