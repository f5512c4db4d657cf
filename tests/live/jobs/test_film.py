"""A film takes its place when it is whole; cancelled or failed, nothing of it is left and an older one stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from mcoe.core.errors import McoeError
from mcoe.core.timing import STRIDE
from mcoe.core.words import EMOTIONS
from mcoe.live.jobs.film import BARS, HEIGHT, save_video
from tests.live.fakes import SIZE, FakeEngine, FakeSource

COLOURS = dict.fromkeys((*EMOTIONS, "on", "off", "text", "dim", "ground"), (90, 120, 150))


@pytest.fixture
def older(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_text("an older film")
    return path


def film(source: FakeSource, path: Path, progress: Callable[[float], bool] = lambda share: True) -> bool:
    return save_video(lambda: source, FakeEngine, path, stride=STRIDE, colours=COLOURS, progress=progress)


def test_a_film_holds_every_window_and_replaces_an_older_one(older: Path) -> None:
    meanwhile: set[bytes] = set()

    def progress(share: float) -> bool:
        if share < 1:
            meanwhile.add(older.read_bytes())
        return True

    assert film(FakeSource(), older, progress)
    assert meanwhile == {b"an older film"}
    assert [p.name for p in older.parent.iterdir()] == [older.name]
    video = cv2.VideoCapture(str(older))
    count = 0
    while (read := video.read())[0]:
        count += 1
        assert read[1].shape == (HEIGHT, round(HEIGHT * SIZE[0] / SIZE[1]) + BARS, 3)
    assert count == 30


def test_a_cancelled_film_leaves_nothing_and_an_older_one_stays(older: Path) -> None:
    assert not film(FakeSource(), older, lambda share: share < 0.5)
    assert [p.name for p in older.parent.iterdir()] == [older.name]
    assert older.read_text() == "an older film"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (FakeSource(fail_at=60), "unplugged"),
        (FakeSource([]), "shorter than two windows"),
        (FakeSource(live=True), "live"),
    ],
)
def test_nor_does_a_film_that_failed_destroy_it(older: Path, source: FakeSource, words: str) -> None:
    with pytest.raises(McoeError, match=words):
        film(source, older)
    assert [p.name for p in older.parent.iterdir()] == [older.name]
    assert older.read_text() == "an older film"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(McoeError, match=r"Cannot write .*no.film\.mp4"):
        film(FakeSource(), tmp_path / "no" / "film.mp4")
