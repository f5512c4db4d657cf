"""``run`` opens the recording, takes the screenshot it was asked for, spares what loading made, and ends in order."""

from __future__ import annotations

import gc
import signal

import pytest
from PySide6.QtGui import QImage

from app.shell.application import run, spare_pauses
from mcoe.core.errors import McoeError


@pytest.mark.parametrize("replay", ["eye.aedat4", None])
def test_run_opens_the_recording_and_saves_the_window(qapp, maker, tmp_path, replay):
    maker.pipeline_options = {"state": "playing", "auto": True}
    before = signal.getsignal(signal.SIGINT)
    path = tmp_path / "window.png"
    assert run(maker, replay, (1200, 760), (path, 0.2)) == 0
    assert maker.paths == [replay]
    assert maker.made[0].calls[-1] == ("close",)
    image = QImage(str(path))
    assert (image.width(), image.height()) == (1200, 760)
    assert signal.getsignal(signal.SIGINT) is before
    assert not qapp.windowIcon().pixmap(64, 64).isNull()


def test_a_screenshot_that_cannot_be_written_is_told(qapp, maker, tmp_path):
    with pytest.raises(McoeError, match=r"Cannot write .*window.png: .*; choose another file"):
        run(maker, None, (1200, 760), (tmp_path / "absent" / "window.png", 0.1))
    assert maker.made[0].calls[-1] == ("close",)


def test_only_the_first_result_spares_what_loading_made(window, maker, monkeypatch):
    calls = []
    monkeypatch.setattr(gc, "freeze", lambda: calls.append(1))
    spare_pauses(window.stream)
    window.stream.open("eye_demo.aedat4")
    assert not calls
    for _ in range(3):
        maker.made[-1].advance()
        window.stream.tick()
    assert calls == [1]
