"""The window's designed states, reached by what brings them about, for the tests and for the pictures in ``assets``.

    python -m tests.app.states [--out assets/screenshots] [STATE ...]

writes ``state_<name>_<size>.png`` of each at both sizes; it needs Pillow, which the ``dev`` extra brings.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import torch
from PySide6.QtCore import QBuffer
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QLabel

from app.core.settings import Settings
from app.core.workbench import ProgramWorkbench
from app.shell.window import MainWindow
from app.widgets import theme
from mcoe.capture.cameras import CameraSource, CameraSpec
from mcoe.capture.cameras.base import Arrival, CameraSettings, Capabilities, DeviceLost, Support, host_now_us
from mcoe.capture.replay import open_replay
from mcoe.capture.source import Source
from mcoe.core.errors import McoeError
from mcoe.events.packets import Packet, packet_end_us
from mcoe.live.bundled import BundledRecording, default_recording
from mcoe.live.engine.build import EngineOptions

SIZES = ((1280, 800), (1920, 1080))
ASSETS = Path(__file__).resolve().parents[2] / "assets" / "screenshots"
DAMAGED = "damaged.aedat4"
#: Colours of a kept picture.
COLOURS = 160
#: The moment of the recording that pictures show, µs after its start.
MOMENT_US = 2_000_000


class PlayedCamera:
    """A device that sends a recording at its own pace until it is unplugged; then it cannot be opened again."""

    name, serial, in_order, dropped = "Camera", None, True, 0
    capabilities = Capabilities(frames=Support.YES, events=Support.YES)

    def __init__(self, recording: Path) -> None:
        source = open_replay(recording)
        self.size = source.info.size
        self._packets: list[Packet] = []
        while (packet := source.read()) is not None:
            self._packets.append(packet)
        source.close()
        self._start_us, self._first_us = host_now_us(), packet_end_us(self._packets[0])
        self.plugged = True

    def open(self, serial: str | None, settings: CameraSettings) -> PlayedCamera:
        if not self.plugged:
            raise McoeError(f"{self.name} is not there; plug it in.")
        return self

    def apply(self, settings: CameraSettings) -> CameraSettings:
        return settings

    def poll(self, timeout_s: float) -> list[Arrival]:
        if not self.plugged:
            raise DeviceLost("it was unplugged")
        now = host_now_us()
        due = []
        while self._packets and packet_end_us(self._packets[0]) - self._first_us <= now - self._start_us:
            due.append(Arrival(self._packets.pop(0), now))
        if not due:
            time.sleep(0.002)  # as a driver waits
        return due

    def close(self) -> None:
        pass


def wait_until(condition: Callable[[], object], seconds: float = 120) -> None:
    """Let Qt work until ``condition`` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the state was not reached")
        QApplication.processEvents()
        time.sleep(0.002)


@dataclass
class Stage:
    """Makes windows whose files lie in ``folder``, which is the current one, and closes them."""

    folder: Path
    until: Callable[[Callable[[], object]], None] = wait_until
    windows: list[MainWindow] = field(default_factory=list)

    def window(self, options: EngineOptions | None = None, camera: PlayedCamera | None = None) -> MainWindow:
        """Return a window in front of the program's own workbench."""
        recording = default_recording()

        def open_source(path: str | None) -> Source:
            if camera is not None and path is not None and CameraSpec.parse(path) is not None:
                return CameraSource(camera.open)
            return open_replay(path or recording)

        options = options or EngineOptions(untrained=True)
        workbench = ProgramWorkbench(
            options,
            open_source,
            self.folder / "alignments",
            recordings=(BundledRecording("Demo", recording),),
            given={"device": options.device, "backbone": options.backbone},  # as the command line gives them
        )
        window = MainWindow(workbench, Settings(self.folder / f"{len(self.windows)}.json"))
        self.windows.append(window)
        window.resize(*SIZES[0])
        window.show()
        return window

    def resize(self, window: MainWindow, size: tuple[int, int]) -> None:
        """Give the window a size and wait until all in it has followed."""
        window.resize(*size)
        self.until(lambda: (window.width(), window.height()) == size and window.board.width() > size[0] - 40)
        self.until(lambda: not clipped(window))  # the new font is followed in turns of the event loop

    def close(self) -> None:
        for window in self.windows:
            window.close()
            window.join()
            window.deleteLater()


def shown_index(window: MainWindow) -> int:
    """Return the index of the result that the camera panel shows; -1 for none."""
    result = window.panels["camera"].result
    return -1 if result is None else result.window.index


def empty(stage: Stage) -> MainWindow:
    """Nothing was opened yet."""
    return stage.window()


def loading(stage: Stage) -> MainWindow:
    """A recording is being opened and the network is being built."""
    window = stage.window()
    window.stream.open(None)
    return window


def untrained(stage: Stage) -> MainWindow:
    """No weights: everything is shown, and that it means nothing is said."""
    window = stage.window(EngineOptions(untrained=True))
    window.stream.open(None)
    stage.until(lambda: shown_index(window) > 20)
    pipeline = window.stream.pipeline
    assert pipeline is not None
    assert pipeline.info is not None
    pipeline.pause()
    moment = pipeline.info.start_us + MOMENT_US
    pipeline.seek(moment)
    camera = window.panels["camera"]
    stage.until(lambda: camera.result is not None and 0 <= camera.result.window.t1_us - moment < 40_000)
    stage.until(lambda: window.status.text("weights") != "–" and "paused" in window.headline.text())
    return window


def lost_camera(stage: Stage) -> MainWindow:
    """A camera that streamed was unplugged."""
    camera = PlayedCamera(default_recording())
    window = stage.window(camera=camera)
    window.stream.open("camera:davis")
    stage.until(lambda: shown_index(window) > 6)
    camera.plugged = False
    stage.until(lambda: "camera lost" in window.headline.text() and window.notice.isVisible())
    return window


def no_gpu(stage: Stage) -> MainWindow:
    """The GPU was asked for, and there is none."""
    with patch.object(torch.cuda, "is_available", lambda: False):
        window = stage.window(EngineOptions(device="cuda", untrained=True))
        window.stream.open(None)
        stage.until(lambda: window.message.kind == "no gpu")
    return window


def error(stage: Stage) -> MainWindow:
    """A recording that was cut off near its beginning."""
    Path(DAMAGED).write_bytes(default_recording().read_bytes()[:200])
    window = stage.window()
    window.stream.open(DAMAGED)
    stage.until(lambda: window.message.kind == "failed")
    return window


def help_card(stage: Stage) -> MainWindow:
    """The card of all keys."""
    window = untrained(stage)
    window.help.toggle()
    stage.until(lambda: window.help.card.height() > 100)
    return window


STATES: dict[str, Callable[[Stage], MainWindow]] = {
    "empty": empty, "loading": loading, "lost_camera": lost_camera, "untrained": untrained, "no_gpu": no_gpu,
    "error": error, "help": help_card,
}  # fmt: skip


def clipped(window: MainWindow) -> list[str]:
    """Return the words of labels that have less room than they need."""
    found = []
    for label in window.findChildren(QLabel):
        if label.isVisible() and label.text():
            wide = label.wordWrap() or label.width() >= label.sizeHint().width()
            high = label.heightForWidth(label.width()) if label.wordWrap() else label.fontMetrics().height() - 1
            if not wide or label.height() < high:
                found.append(label.text())
    return found


@contextmanager
def staged() -> Iterator[Stage]:
    """Give a stage in a folder of its own, which is the current one meanwhile."""
    before, folder = Path.cwd(), Path(tempfile.mkdtemp(prefix="mcoe-states-"))
    os.chdir(folder)
    stage = Stage(folder)
    try:
        yield stage
    finally:
        stage.close()
        os.chdir(before)
        shutil.rmtree(folder)


def save(window: MainWindow, path: Path) -> None:
    """Write the window's picture as a PNG of few colours, about a third of the size; the theme's own stay exact."""
    import io

    from PIL import Image

    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.ReadWrite)
    window.grab().save(buffer, "PNG")
    picture = Image.open(io.BytesIO(buffer.data().data())).convert("RGB")
    fixed = sorted({QColor(value).getRgb()[:3] for value in _theme_colours()})
    rest = picture.quantize(COLOURS - len(fixed), method=Image.Quantize.MEDIANCUT).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([*(byte for colour in fixed for byte in colour), *rest][: 3 * COLOURS])
    picture.quantize(palette=palette, dither=Image.Dither.NONE).save(path, optimize=True)


def _theme_colours() -> list[str | QColor]:
    found = [value for value in vars(theme).values() if isinstance(value, str) and re.fullmatch("#[0-9A-F]{6}", value)]
    families = [*theme.KIND_COLOURS.values(), *theme.EMOTION_COLOURS.values()]
    return [*found, *families, *(theme.mix(theme.PANEL, colour, 0.4) for colour in families)]


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ASSETS)
    parser.add_argument("states", nargs="*", metavar="STATE", help=f"of {', '.join(STATES)} (default: all)")
    args = parser.parse_args()
    out = args.out.resolve()
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    app.setStyle("Fusion")
    for name in args.states or STATES:
        for size in SIZES:
            with staged() as stage:
                window = STATES[name](stage)
                stage.resize(window, size)
                path = out / f"state_{name}_{size[0]}x{size[1]}.png"
                save(window, path)
                print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
