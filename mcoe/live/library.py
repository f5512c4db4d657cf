"""The network for scripts and notebooks: load it, read recordings with it, ask it about arrays."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcoe.capture.replay import open_replay
from mcoe.capture.source import Source, SourceInfo
from mcoe.core.errors import McoeError
from mcoe.core.words import Modality
from mcoe.events.inputs import View, default_roi
from mcoe.events.packets import EVENT_DTYPE, Events, Frame, Packet, make_events
from mcoe.events.voxel import check_roi
from mcoe.live.bundled import bundled_recordings
from mcoe.live.engine.build import EngineOptions, build_engine, weights_stride
from mcoe.live.engine.stepper import Stepper
from mcoe.live.jobs.moments import Preprocessing, window_pairs
from mcoe.results import EngineInfo, Question, Result

#: ``(x, y, side)`` of the square around the eye, sensor pixels.
Square = tuple[int, int, int]


class Network:
    """An emotion network that answers in frozen results. Use it from one thread.

    Args:
        engine: what answers.
        stride: gap of the frame pair, frames at 30 Hz.
    """

    def __init__(self, engine: Stepper, stride: int) -> None:
        self._engine = engine
        #: Gap of the frame pair, frames at 30 Hz.
        self.stride = stride
        # The engine keeps features by epoch and index, so each recording is an epoch of its own.
        self._epochs = itertools.count()

    @property
    def info(self) -> EngineInfo:
        """Device, weights and input size; ``info.facts`` says what the weights were trained on and how well they do."""
        return self._engine.info

    def read(
        self,
        source: str | os.PathLike[str] | Source,
        *,
        roi: Square | None = None,
        mirror: bool = False,
        question: Question | None = None,
    ) -> Iterator[Result]:
        """Yield a result per window of a recording, none left out: what a headless run of it predicts, bit for bit.

        Args:
            source: a recording, or an open source, which is read from where it stands to its end and stays open.
            roi: the square around the eye, sensor pixels; the largest centred one when None.
            mirror: it is a left eye.
            question: what to explain; Grad-CAM of the predicted emotion when None.

        Raises:
            McoeError: while it is iterated: the recording cannot be read, is live, or does not hold ``roi``.
        """
        with contextlib.ExitStack() as stack:
            if isinstance(source, str | os.PathLike):
                source = stack.enter_context(contextlib.closing(open_replay(source)))
            info = source.info
            if info.live:
                raise McoeError(f"{info.name} is live and cannot be read without loss; record it and read the file.")
            preprocessing = Preprocessing(_view(roi, mirror, info.size))
            pairs = window_pairs(
                source, self.info, stride=self.stride, preprocessing=preprocessing, epoch=next(self._epochs)
            )
            for older, window in pairs:
                prediction, stage_ms = self._engine.step(older, window, question or Question())
                yield Result(window, older, prediction, stage_ms)

    def predict(
        self,
        frames: ArrayLike | None,
        frame_times: ArrayLike | None,
        events: ArrayLike | None = None,
        *,
        sensor: tuple[int, int] | None = None,
        roi: Square | None = None,
        mirror: bool = False,
        question: Question | None = None,
    ) -> list[Result]:
        """Predict from arrays: a result per frame, or per 33 ms of events where there are no frames.

        The same frames and events, read from a recording, give the same predictions. Nothing is written to the arrays.

        Args:
            frames: ``(T, H, W)`` grey or ``(T, H, W, 3)`` RGB, uint8; None for events alone.
            frame_times: ``(T,)`` end of each exposure, µs, rising.
            events: as :data:`mcoe.events.packets.EVENT_DTYPE` names them, or ``(N, 4)`` columns t (µs), x, y (pixels)
                and polarity (> 0 is ON), ordered by time; None for frames alone.
            sensor: ``(width, height)``, pixels; asked for where there are no frames, which say it.
            roi, mirror, question: as for :meth:`read`.

        Raises:
            McoeError: an argument is not as described.
        """
        arrays = _ArraySource(frames, frame_times, events, sensor)
        return list(self.read(arrays, roi=roi, mirror=mirror, question=question))


def load(
    weights: str | os.PathLike[str] | None = None,
    device: str = "auto",
    *,
    backbone: str = "auto",
    scan: str = "auto",
    mask: Modality | None = None,
    threads: int = 2,
    stride: int | None = None,
    untrained: bool = False,
) -> Network:
    """Load a network.

    Args:
        weights: safetensors file; the ones that come with the program when None.
        device: ``auto``, ``cpu`` or ``cuda``.
        backbone: engine of the ResNet passes: ``auto``, ``openvino``, ``torch`` or ``cuda_graph``.
        scan: selective-scan backend: ``auto``, ``torch`` or ``mamba_ssm``.
        mask: modality to hide from it, ``rgb`` or ``event``.
        threads: CPU threads.
        stride: gap of the frame pair, frames at 30 Hz; the one that the weights were trained with when None.
        untrained: without ``weights``, do not take those that come with the program either.

    Raises:
        McoeError: the weights or the device cannot be had.
    """
    options = EngineOptions(
        None if weights is None else Path(weights), device, backbone, scan, mask, threads, untrained=untrained
    )
    return Network(build_engine(options), weights_stride(options) if stride is None else stride)


def recordings() -> tuple[Path, ...]:
    """Return the recordings that come with the program: normal light, over-exposed, low light, HDR."""
    return tuple(recording.path for recording in bundled_recordings())


def _view(roi: Square | None, mirror: bool, sensor: tuple[int, int]) -> View:
    try:
        return View(check_roi(default_roi(sensor) if roi is None else roi, sensor), mirror)
    except ValueError as error:
        raise McoeError(f"The roi {roi} cannot be looked at: {error}; give (x, y, side) in sensor pixels.") from error


class _ArraySource(Source):
    """A recording that lies in memory: all its events, then its frames."""

    def __init__(
        self,
        frames: ArrayLike | None,
        frame_times: ArrayLike | None,
        events: ArrayLike | None,
        sensor: tuple[int, int] | None,
    ) -> None:
        if frames is None and events is None:
            raise McoeError("There are neither frames nor events; give at least one of them.")
        self._packets: list[Packet] = []
        if frames is not None:
            images = _images(frames)
            sensor = (images.shape[2], images.shape[1])
            self._packets += [Frame(i, t, t) for i, t in zip(images, _times(frame_times, len(images)), strict=True)]
        if sensor is None:
            raise McoeError("Without frames nothing says how large the sensor is; give sensor=(width, height).")
        if events is not None and len(packed := _events(events, sensor)):
            self._packets.insert(0, packed)
        start = min(((p.end_us if isinstance(p, Frame) else int(p["timestamp"][0])) for p in self._packets), default=0)
        self._info = SourceInfo("the arrays", sensor, frames is not None, events is not None, False, start, 0)
        self._next = 0

    @property
    def info(self) -> SourceInfo:
        return self._info

    def read(self, timeout_s: float = 1.0) -> Packet | None:
        self._next += 1
        return self._packets[self._next - 1] if self._next <= len(self._packets) else None

    def seek(self, time_us: int) -> None:
        raise McoeError("Arrays are read once, from their start; ask again.")

    def close(self) -> None:
        pass


def _images(frames: ArrayLike) -> NDArray[np.uint8]:
    images = np.asarray(frames)
    if images.dtype != np.uint8 or not (images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)):
        raise McoeError(f"The frames are {images.dtype} {images.shape}; give uint8 (T, H, W) or (T, H, W, 3).")
    return images


def _times(given: ArrayLike | None, count: int) -> list[int]:
    times = np.asarray([] if given is None else given)
    if times.shape != (count,):
        raise McoeError(f"There are {count} frames and frame_times {times.shape}; give the end of each exposure in µs.")
    if not bool((np.diff(times) > 0).all()):
        raise McoeError("The frame_times do not rise; sort the frames by time and leave out those that come twice.")
    return [int(t) for t in times]


def _events(given: ArrayLike, sensor: tuple[int, int]) -> Events:
    array: NDArray[Any] = np.asarray(given)
    names, (width, height) = EVENT_DTYPE.names or (), sensor
    if array.dtype.names is not None and set(names) <= set(array.dtype.names):
        columns = [array[name] for name in names]
    elif array.dtype.names is None and array.ndim == 2 and array.shape[1] == 4:
        columns = list(array.T)
    else:
        raise McoeError(
            f"The events are {array.dtype} {array.shape}; give (N, 4) columns t, x, y, polarity or the fields "
            f"{', '.join(names)}."
        )
    times, x, y, _ = columns
    if not bool((times[1:] >= times[:-1]).all()):
        raise McoeError("The events are not ordered by time; sort them first.")
    if not bool(((x >= 0) & (x < width) & (y >= 0) & (y < height)).all()):
        raise McoeError(f"Events lie outside the {width} × {height} sensor; give columns t, x, y, polarity.")
    return array if array.dtype == EVENT_DTYPE else make_events(*columns)
