"""A recording read once more, looked at as its live view was: every window of it, or moments spread evenly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mcoe.capture.source import Source
from mcoe.events.inputs import View
from mcoe.events.noise import EventFilter, KeepAll
from mcoe.events.packets import Frame, packet_end_us
from mcoe.live.stream.windows import Pairing, WindowBuilder
from mcoe.results import EngineInfo, Window


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What is done to a stream before the network sees it.

    Attributes:
        view: where the eye is; the centred square when None.
        make_filter: makes the noise filter for a sensor's ``(width, height)``; every event is kept when None.
    """

    view: View | None = None
    make_filter: Callable[[tuple[int, int]], EventFilter] | None = None


def window_pairs(
    source: Source,
    engine: EngineInfo,
    *,
    stride: int,
    preprocessing: Preprocessing | None = None,
    epoch: int = 0,
    progress: Callable[[float], bool] = lambda share: True,
) -> Iterator[tuple[Window, Window]]:
    """Yield every pair ``(older, window)`` of a recording, as a headless run predicts them.

    Args:
        source: a recording at its start; it is read to its end and stays open.
        engine: the network that will be asked; its S and N_b.
        stride: gap of the frame pair, frames at 30 Hz.
        epoch: what the windows count under. An engine that has read before knows its windows by epoch and index.
        progress: told the share read, 0..1; returning False ends the reading.

    Raises:
        McoeError: the recording failed.
        ValueError: its square leaves the sensor.
    """
    info, preprocessing = source.info, preprocessing or Preprocessing()
    builder = WindowBuilder(info, engine.size, engine.bins, preprocessing.view, engine.window_us)
    pairing = Pairing(stride)
    builder.restart(epoch)
    kept = preprocessing.make_filter(info.size) if preprocessing.make_filter is not None else KeepAll()
    length_us = max(info.duration_us or 0, 1)
    while True:
        packet = source.read()
        if packet is not None:
            if not progress(min(1.0, max(0.0, (packet_end_us(packet) - info.start_us) / length_us))):
                return
            if not isinstance(packet, Frame):
                packet = kept.apply(packet)
                if not len(packet):
                    continue
        for window in builder.feed(packet) if packet is not None else builder.finish():
            yield pairing.older(window), window
        if packet is None:
            return


def moments(
    source: Source,
    engine: EngineInfo,
    *,
    stride: int,
    most: int,
    preprocessing: Preprocessing | None = None,
    progress: Callable[[float], bool] = lambda share: True,
) -> Iterator[tuple[Window, Window]]:
    """Yield up to ``most`` of the pairs of :func:`window_pairs`, evenly spaced in time."""
    length_us = max(source.info.duration_us or 0, 1)
    due_us, count = float(source.info.start_us), 0
    for older, window in window_pairs(source, engine, stride=stride, preprocessing=preprocessing, progress=progress):
        if window.t1_us >= due_us and count < most:
            count, due_us = count + 1, max(due_us + length_us / most, float(window.t1_us))
            yield older, window
