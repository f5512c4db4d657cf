"""A recording as a film: each frame with its events and, beside it, what the network says of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mcoe.capture.source import Source
from mcoe.core.errors import McoeError
from mcoe.core.files import replacing_path
from mcoe.core.words import EMOTIONS
from mcoe.live.engine.stepper import Stepper
from mcoe.live.jobs.moments import Preprocessing
from mcoe.live.stream.pipeline import Pipeline
from mcoe.recording.sidecar import Sidecar
from mcoe.results import Result, Window

Rgb = tuple[int, int, int]
Image = NDArray[np.uint8]

#: Height of the film and width of its bars, px; even, as the codec wants.
HEIGHT, BARS = 480, 300


def save_video(
    open_source: Callable[[], Source],
    engine_factory: Callable[[], Stepper],
    path: Path,
    *,
    stride: int,
    preprocessing: Preprocessing | None = None,
    colours: dict[str, Rgb],
    sidecar: Sidecar | None = None,
    progress: Callable[[float], bool] = lambda share: True,
) -> bool:
    """Read the recording once, without dropping a window, and write an MP4 (MPEG-4 Part 2).

    Args:
        stride: gap of the frame pair, frames at 30 Hz.
        preprocessing: where the eye is, and which events are kept.
        colours: RGB of each emotion, and of ``on``, ``off``, ``text``, ``dim`` and ``ground``.
        sidecar: true labels, written under the bars.
        progress: told the share done, 0..1; returning False cancels.

    Returns:
        Whether it was finished. Only then it takes its place: a cancelled film leaves nothing, an older one stays.

    Raises:
        McoeError: the recording failed, is live, or ``path`` cannot be written.
    """
    try:
        with replacing_path(path) as part:
            _film(open_source, engine_factory, part, path, stride, preprocessing, colours, sidecar, progress)
    except _Cancelled:
        return False
    except OSError as error:
        raise _unwritable(path) from error
    progress(1.0)
    return True


class _Cancelled(Exception):
    """The film is not wanted any more."""


def _film(
    open_source: Callable[[], Source],
    engine_factory: Callable[[], Stepper],
    part: Path,
    path: Path,
    stride: int,
    preprocessing: Preprocessing | None,
    colours: dict[str, Rgb],
    sidecar: Sidecar | None,
    progress: Callable[[float], bool],
) -> None:
    """Film to ``part``, called ``path`` where something is told. Raises _Cancelled and McoeError."""
    pipeline = Pipeline(open_source, engine_factory, stride=stride, lossless=True)
    if preprocessing is not None:
        if preprocessing.view is not None:
            pipeline.set_view(preprocessing.view)
        pipeline.set_filter(preprocessing.make_filter)
    writer: list[cv2.VideoWriter] = []
    waiting: list[Result] = []
    cancelled: list[bool] = []
    failure: list[McoeError] = []

    def write(result: Result) -> None:
        info, engine = pipeline.info, pipeline.engine_info
        trained = engine is None or engine.trained
        if cancelled or failure or info is None:
            return
        try:
            if not writer:
                waiting.append(result)
                if len(waiting) < 2:
                    return
                gap_us = max(1, result.window.t1_us - waiting[0].window.t1_us)
                opened = _open(part, 1e6 / gap_us, info.size)
                if opened is None:
                    raise _unwritable(path)
                writer.append(opened)
            for each in waiting or [result]:
                picture = draw(each, info.size, colours, sidecar, trained)
                writer[0].write(np.ascontiguousarray(picture[..., ::-1]))
            waiting.clear()
        except McoeError as error:
            failure.append(error)
        if not progress((result.window.t1_us - info.start_us) / max(1, info.duration_us or 1)):
            cancelled.append(True)

    pipeline.on_result = write
    pipeline.start()
    try:
        while not pipeline.wait(0.05) and not (cancelled or failure):
            pass
    finally:
        pipeline.close()
        for out in writer:
            out.release()
    if failure:
        raise failure[0]
    if cancelled:
        raise _Cancelled
    if (error := pipeline.stats().error) is not None:
        raise McoeError(error)
    if not writer:
        raise McoeError("The recording is shorter than two windows; nothing can be filmed.")


def _unwritable(path: Path) -> McoeError:
    return McoeError(f"Cannot write {path}; choose a folder that exists and may be written to.")


def _open(path: Path, fps: float, size: tuple[int, int]) -> cv2.VideoWriter | None:
    width = _even(HEIGHT * size[0] / size[1]) + BARS
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), round(fps, 3), (width, HEIGHT))
    return writer if writer.isOpened() else None


def _even(value: float) -> int:
    return 2 * round(value / 2)


def draw(
    result: Result,
    size: tuple[int, int],
    colours: dict[str, Rgb],
    sidecar: Sidecar | None = None,
    trained: bool = True,
) -> Image:
    """Return one picture of the film, ``(HEIGHT, w + BARS, 3)`` uint8 RGB; of an untrained network it says so."""
    window, said = result.window, result.prediction.probabilities
    width = _even(HEIGHT * size[0] / size[1])
    out = np.full((HEIGHT, width + BARS, 3), colours["ground"], np.uint8)
    out[:, :width] = cv2.resize(_view(window, size, colours), (width, HEIGHT), interpolation=cv2.INTER_LINEAR)
    scale = HEIGHT / size[1]
    x, y, side = (round(v * scale) for v in window.roi)
    cv2.rectangle(out, (x, y), (min(x + side, width) - 1, min(y + side, HEIGHT) - 1), colours["text"], 1, cv2.LINE_AA)
    left, top = width + 18, 100
    best = int(said.argmax())
    _write(out, EMOTIONS[best].capitalize(), (left, 46), 1.0, colours[EMOTIONS[best]], 2)
    _write(out, f"{100 * said[best]:.0f} %", (left, 76), 0.6, colours["text"], 1)
    for i, name in enumerate(EMOTIONS):
        row = top + 44 * i
        _write(out, name, (left, row + 14), 0.48, colours["text" if i == best else "dim"], 1)
        bar = round((BARS - 36) * float(said[i]))
        cv2.rectangle(out, (left, row + 20), (left + BARS - 36, row + 30), _mixed(colours), -1)
        cv2.rectangle(out, (left, row + 20), (left + max(2, bar), row + 30), colours[name], -1)
    if not trained:
        _write(out, "untrained network: no meaning yet", (left, HEIGHT - 42), 0.48, colours["text"], 1)
    truth = sidecar.at(window.t1_us) if sidecar is not None else None
    words = f"{window.t1_us / 1e6:.2f} s" + (f"   label: {truth}" if truth else "")
    _write(out, words, (left, HEIGHT - 20), 0.48, colours["dim"], 1)
    return out


def _view(window: Window, size: tuple[int, int], colours: dict[str, Rgb]) -> Image:
    if window.frame is None:
        picture = np.full((size[1], size[0], 3), colours["ground"], np.uint8)
    else:
        image = window.frame.image
        picture = np.stack([image] * 3, -1) if image.ndim == 2 else image.copy()
    for name, value in (("on", True), ("off", False)):
        chosen = window.events[(window.events["polarity"] > 0) == value]
        picture[chosen["y"], chosen["x"]] = colours[name]
    return picture


def _mixed(colours: dict[str, Rgb]) -> Rgb:
    a, b = colours["ground"], colours["dim"]
    return (a[0] * 3 + b[0]) // 4, (a[1] * 3 + b[1]) // 4, (a[2] * 3 + b[2]) // 4


def _write(out: Image, words: str, at: tuple[int, int], scale: float, colour: Rgb, thick: int) -> None:
    cv2.putText(out, words, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thick, cv2.LINE_AA)
