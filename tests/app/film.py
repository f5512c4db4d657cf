"""The README's film of the lighting laboratory: the window plays a bundled recording, a script turns the dials.

    xvfb-run -a -s "-screen 0 1920x1080x24" python -m tests.app.film [--out assets/lighting.webp]

It needs Pillow with WebP, which the ``dev`` extra brings. Stream time is the film's clock, so that it plays at the
recording's own pace however busy the machine is.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from app.panels.light_dials import EV_STEP
from app.panels.lighting import LightingPanel
from app.shell.window import MainWindow
from mcoe.core.errors import McoeError
from mcoe.live.engine.build import EngineOptions
from tests.app.states import staged

try:
    from PIL import Image, features
except ImportError:
    sys.exit('film: Pillow, which writes the WebP, is missing; install it with pip install -e ".[dev]".')

OUT = Path(__file__).resolve().parents[2] / "assets" / "lighting.webp"
WINDOW, FILM = (1280, 800), (960, 600)
#: Frames a second of the film; its length, and what plays before it so that the strip chart is filled, s.
RATE, LENGTH_S, BEFORE_S = 7.0, 20.0, 7.0
#: Playback speed while it is shot, so that taking a picture, slow on few cores, costs the film no frame.
SPEED = 0.5
#: How long a dial takes from one exposure to another, s.
TURN_S = 1.2
#: WebP qualities, the first whose film is no larger than this, bytes, is kept.
QUALITIES, MOST_BYTES = (60, 50, 40, 30, 20), 3_000_000

Cue = tuple[float, Callable[[LightingPanel], object]]


def set_dial(name: str, tick: int, panel: LightingPanel) -> None:
    """Move a dial's slider to one of its steps."""
    panel.dials[name].slider.setValue(tick)


def turn(at_s: float, start: float, end: float) -> Iterator[Cue]:
    """Move the exposure's dial, step for step as a hand does."""
    first, last = round(start / EV_STEP), round(end / EV_STEP)
    way = 1 if last > first else -1
    for tick in range(first + way, last + way, way):
        at = at_s + TURN_S * (tick - first) / (last - first)
        yield at, partial(set_dial, "ev", tick)


def press(at_s: float, name: str) -> Cue:
    """Press a preset's button."""
    return at_s, lambda panel: panel.presets[name].click()


#: What is done when, s of the film; about one pass of the recording for each light.
SCRIPT: tuple[Cue, ...] = (
    (2.2, partial(set_dial, "noise", 4)),  # 1 ×: a sensor's own, which the dark brings out
    *turn(2.2, 0, -5),
    *turn(6.4, -5, 4),
    press(10.6, "HDR side light"),
    press(14.0, "Flickering lamp"),
    press(16.8, "Night"),
    press(19.2, "Original"),
)


def elapsed_s(window: MainWindow) -> float:
    """Return the stream time of what is on screen, going on across loops; 0 before the first result."""
    history = window.stream.pipeline.history() if window.stream.pipeline is not None else ()
    return history[-1].elapsed_s if history else 0.0


def picture(window: MainWindow) -> Image.Image:
    """Return the window at the film's size."""
    shot = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    whole = Image.frombytes(
        "RGB", (shot.width(), shot.height()), bytes(shot.constBits()), "raw", "RGB", shot.bytesPerLine()
    )
    return whole.resize(FILM, Image.Resampling.LANCZOS)


def shoot() -> tuple[list[Image.Image], list[int]]:
    """Play the script and return the pictures and how long each stays, ms."""
    pictures, times = [], []
    with staged() as stage:
        window = stage.window(EngineOptions())
        window.show_layout("Lighting")
        window.stream.open(None)
        stage.resize(window, WINDOW)
        panel = window.context.panels.get(LightingPanel)
        window.board.docks["compare"].hide()  # no second network is loaded: it would stand empty
        stage.until(lambda: window.stream.pipeline is not None)
        assert window.stream.pipeline is not None
        window.stream.pipeline.set_speed(SPEED)
        stage.until(lambda: elapsed_s(window) >= BEFORE_S)
        start, cues = elapsed_s(window), list(SCRIPT)
        while (now := elapsed_s(window) - start) < LENGTH_S:
            while cues and cues[0][0] <= now:
                cues.pop(0)[1](panel)
            pictures.append(picture(window))
            times.append(now)
            due = start + now + 1 / RATE
            stage.until(lambda due=due: elapsed_s(window) >= due)  # type: ignore[misc]
    ends = [*times[1:], LENGTH_S]
    return pictures, [round(1000 * (end - time)) for time, end in zip(times, ends, strict=True)]


def encode(pictures: list[Image.Image], stays: list[int], quality: int) -> bytes:
    """Return the film as WebP that begins again at its end."""
    film = io.BytesIO()
    options = {"quality": quality, "method": 4, "allow_mixed": True, "kmin": 999, "kmax": 1000}  # changes alone
    pictures[0].save(film, "WEBP", save_all=True, append_images=pictures[1:], duration=stays, loop=0, **options)
    return film.getvalue()


def main() -> None:
    """Write the film. Raises McoeError where the encoder is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    if not features.check("webp"):
        raise McoeError(
            "This Pillow cannot write WebP; install it anew from its wheel: pip install --force-reinstall pillow."
        )
    out = args.out.resolve()
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    app.setStyle("Fusion")
    pictures, stays = shoot()
    film = next((film for q in QUALITIES if len(film := encode(pictures, stays, q)) <= MOST_BYTES), None)
    if film is None:
        raise McoeError(f"{out.name} would be larger than {MOST_BYTES / 1e6:.0f} MB; make the film shorter.")
    try:
        out.write_bytes(film)
    except OSError as error:
        raise McoeError(f"Cannot write {out}: {error.strerror}; choose a folder that exists.") from error
    print(f"{out.name}: {len(pictures)} frames, {sum(stays) / 1000:.1f} s, {len(film) / 1e6:.2f} MB")


if __name__ == "__main__":
    try:
        main()
    except McoeError as error:
        sys.exit(f"film: {error}")
