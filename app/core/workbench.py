"""What the program was started with: it opens sources and builds networks, for pipelines and for jobs beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from mcoe.capture.cameras import CameraSpec
from mcoe.capture.source import Source
from mcoe.live.bundled import BundledRecording, which_bundled
from mcoe.live.engine.build import EngineOptions, build_engine, weights_stride
from mcoe.live.engine.stepper import Stepper
from mcoe.live.stream import pipeline

from .protocol import Pipeline


class Workbench(Protocol):
    """Where pipelines come from: calling it makes that of ``path``, or of what the program starts with when None.

    All of it may raise McoeError.
    """

    options: EngineOptions
    #: Gap of the frame pair that was chosen, frames at 30 Hz; None for the one that the weights were trained with.
    stride: int | None
    alignments: Path
    #: What comes with the program; the first is what it starts with.
    recordings: tuple[BundledRecording, ...]
    #: Settings that the command line gave, by their names in :class:`app.core.settings.Values`: they win for this run.
    given: dict[str, object]

    def __call__(self, path: str | None) -> Pipeline: ...

    def open_source(self, path: str | None) -> Source:
        """Open a recording, or what the program starts with when None. Raises McoeError."""
        ...

    def build(self, weights: Path | None = None) -> Stepper:
        """Build a network, with other weights than the options' if given. Raises McoeError."""
        ...

    def gap(self) -> int:
        """Return the gap of the frame pair, frames at 30 Hz: the one chosen, else the weights'. Raises McoeError."""
        ...

    def file(self, path: str | None) -> Path | None:
        """Return the file behind ``path`` (None: what the program starts with), or None for a camera."""
        ...


@dataclass
class ProgramWorkbench:
    """The program's own workbench.

    Attributes:
        options: how networks are built from now on.
        stride: gap of the frame pair, frames at 30 Hz, of the pipelines made from now on; None for the weights' own.
        opener: opens a recording, or the default source when given None.
        alignments: folder of the alignments kept per pair of cameras.
        recordings: what comes with the program; None stands for the first.
        given: settings that the command line gave; they win over those that were kept.
        speed, loop, record: see :class:`mcoe.live.stream.pipeline.Pipeline`.
    """

    options: EngineOptions
    opener: Callable[[str | None], Source]
    alignments: Path
    stride: int | None = None
    recordings: tuple[BundledRecording, ...] = ()
    given: dict[str, object] = field(default_factory=dict)
    speed: float = 1.0
    loop: bool = False
    record: Path | None = None

    def __call__(self, path: str | None) -> Pipeline:
        options, record = self.options, self.record
        self.record = None  # --record is about the first source, not about every one opened later
        return pipeline.Pipeline(
            lambda: self.open_source(path),
            lambda: build_engine(options),
            stride=self.gap(),
            speed=self.speed,
            # Of a bundled recording's end :class:`~app.features.bundled.BundledRecordings` takes care.
            loop=self.loop and which_bundled(self.recordings, self.file(path)) is None,
            record=record,
        )

    def open_source(self, path: str | None) -> Source:
        return self.opener(path)

    def build(self, weights: Path | None = None) -> Stepper:
        return build_engine(replace(self.options, weights=weights or self.options.weights))

    def gap(self) -> int:
        return weights_stride(self.options) if self.stride is None else self.stride

    def file(self, path: str | None) -> Path | None:
        if path is None:
            return self.recordings[0].path if self.recordings else None
        return None if CameraSpec.parse(path) is not None else Path(path)
