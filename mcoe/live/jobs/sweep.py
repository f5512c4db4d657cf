"""The robustness sweep: one recording under every exposure, read with both modalities and with each alone."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcoe.capture.source import Source
from mcoe.core.errors import McoeError
from mcoe.core.files import replacing_text
from mcoe.core.timing import STRIDE
from mcoe.core.words import EMOTIONS
from mcoe.live.engine.stepper import Stepper
from mcoe.live.jobs.moments import Preprocessing, moments
from mcoe.live.stream.inference import StressedWindows
from mcoe.recording.sidecar import Sidecar
from mcoe.results import Question, Window
from mcoe.sensor.lighting import Lighting

#: Readings of a moment, in the order of every array here.
READINGS = ("fusion", "RGB only", "events only")
#: Exposure values of a full sweep, stops.
EVS: tuple[float, ...] = tuple(float(ev) for ev in range(-6, 7))
#: Share of the progress bar for reading the recording.
READING = 0.1
_ASK = Question(cam=False, readings=True)


@dataclass(frozen=True, slots=True)
class Sweep:
    """How often each reading was right, per exposure.

    Attributes:
        evs: ``(E,)`` exposure values, stops.
        agreement: ``(E, 3)`` share of windows in which a reading under stress names the emotion that fusion names on
            the stream as it came.
        accuracy: ``(E, 3)`` share in which it names the true label; None for an unlabelled recording.
        windows: how many windows were read at each exposure; ``labelled`` of them have a true label.
    """

    evs: tuple[float, ...]
    agreement: NDArray[np.float64]
    accuracy: NDArray[np.float64] | None
    windows: int
    labelled: int

    def save_csv(self, path: Path) -> None:
        """Write a row per exposure, in place of ``path``. Raises McoeError where it cannot be written."""
        try:
            with replacing_text(path) as file:
                out = csv.writer(file)
                names = [f"{kind} {name}" for kind in ("agreement", "accuracy") for name in READINGS]
                out.writerow(["ev", *names[: 6 if self.accuracy is not None else 3]])
                for i, ev in enumerate(self.evs):
                    accuracy = [] if self.accuracy is None else self.accuracy[i].tolist()
                    out.writerow([ev, *self.agreement[i].tolist(), *accuracy])
        except OSError as error:
            raise McoeError(f"Cannot write {path}: {error.strerror}; choose another file.") from error


def sweep(
    open_source: Callable[[], Source],
    engine: Stepper,
    *,
    stride: int = STRIDE,
    preprocessing: Preprocessing | None = None,
    base: Lighting | None = None,
    evs: Sequence[float] = EVS,
    most: int = 60,
    sidecar: Sidecar | None = None,
    progress: Callable[[float], bool] = lambda share: True,
) -> Sweep | None:
    """Read up to ``most`` evenly spaced windows of a recording under each exposure.

    Args:
        stride: gap of the frame pair, frames at 30 Hz.
        preprocessing: where the eye is, and which events are kept before the light is changed.
        base: what else to stress beside the exposure; sensor noise that follows the light when None.
        progress: told the share done, 0..1; returning False cancels.

    Returns:
        The sweep, or None if cancelled.

    Raises:
        McoeError: the recording failed or lacks frames or events (there would be nothing to compare).
    """
    source = open_source()
    try:
        info = source.info
        if info.live or not (info.has_frames and info.has_events):
            raise McoeError(f"{info.name} cannot be swept: a sweep needs a recording with frames and events.")
        stopped = False

        def reading(share: float) -> bool:
            nonlocal stopped
            stopped = not progress(READING * share)
            return not stopped

        chosen = list(
            moments(source, engine.info, stride=stride, most=most, preprocessing=preprocessing, progress=reading)
        )
    finally:
        source.close()
    if stopped:
        return None
    if not chosen:
        raise McoeError(f"{info.name} holds no window to sweep over; open a longer recording.")
    truth = np.array([_label(sidecar, window) for _, window in chosen])
    base = base or Lighting(noise=1.0)
    votes = np.empty((len(evs), len(chosen), len(READINGS)), int)
    reference = np.empty(len(chosen), int)
    stressed = StressedWindows(info.size, engine.info.size, engine.info.bins)
    done, total = 0, (len(evs) + 1) * len(chosen)
    for row, ev in enumerate([None, *evs]):
        for i, (older, window) in enumerate(chosen):
            if not progress(READING + (1 - READING) * done / total):
                return None
            done += 1
            if ev is None:
                reference[i] = engine.step(older, window, _ASK)[0].probabilities.argmax()
                continue
            light = replace(base, ev=float(ev))
            before, now = stressed.pair(older, window, light)
            said, _ = engine.step(before, now, _ASK)
            assert said.rgb_only is not None
            assert said.event_only is not None
            votes[row - 1, i] = [p.argmax() for p in (said.probabilities, said.rgb_only, said.event_only)]
    progress(1.0)
    known = truth >= 0
    accuracy = (votes[:, known] == truth[known, None]).mean(1) if known.any() else None
    return Sweep(tuple(evs), (votes == reference[:, None]).mean(1), accuracy, len(chosen), int(known.sum()))


def _label(sidecar: Sidecar | None, window: Window) -> int:
    name = sidecar.at(window.t1_us) if sidecar else None
    return EMOTIONS.index(name) if name in EMOTIONS else -1
