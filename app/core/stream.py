"""What is open: one pipeline at a time, opened and closed beside the window, its newest result pulled by a timer."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from mcoe.capture.cameras import CameraSpec
from mcoe.capture.source import SourceInfo
from mcoe.core.errors import McoeError
from mcoe.live.bundled import which_bundled
from mcoe.recording.sidecar import Sidecar, load_sidecar
from mcoe.results import EngineInfo, PipelineStats, Result

from .jobs import Job, Jobs
from .protocol import Pipeline
from .workbench import Workbench


class Stream(QObject):
    """Owns the pipeline. Everything else follows its signals.

    Args:
        workbench: makes the pipeline of a recording by path, or of the default source when given None.
        jobs: where a pipeline is closed: it joins its threads, and the window never waits.

    Attributes:
        pipeline: what runs now, or None.
        path: what was opened last; None for the default source.
        result: the newest result shown, or None.
        source, engine: what is known of them, or None.
        labels: what is known to be true of the recording; empty for most.
        trouble: what is wrong with a camera that is open, in two words; empty while all is well.
    """

    TICK_MS = 33
    #: The pipeline that runs from now on, or None.
    pipeline_changed = Signal(object)
    #: What became known of the source, or None: before its first result.
    source_changed = Signal(object)
    #: Source or engine became known, or went.
    context_changed = Signal(object, object)
    labels_changed = Signal(object)
    #: A result that is new, and the points of the history up to it.
    result_shown = Signal(object, object)
    #: The counters, at every tick.
    ticked = Signal(object)
    #: Something is being opened.
    opening = Signal()
    #: It could not be opened, or stopped: one sentence.
    failed = Signal(str)
    trouble_changed = Signal(str)
    #: Weights were dropped onto the window: a path.
    weights_dropped = Signal(object)
    #: A jump to a stream time, µs, is wanted: the transport's knob goes there, and the newest wish wins.
    go_wanted = Signal(object)

    def __init__(self, workbench: Workbench, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workbench, self._jobs = workbench, jobs
        self.pipeline: Pipeline | None = None
        self.path: str | None = None
        self.result: Result | None = None
        self.source: SourceInfo | None = None
        self.engine: EngineInfo | None = None
        self.labels = Sidecar()
        self.trouble = ""
        self._state = ""
        self._closings: dict[Job[None], Pipeline] = {}
        self._waiting = False  # to be opened once the last one is closed
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(self.TICK_MS)
        self._timer.timeout.connect(self.tick)

    # ---- what is open

    @property
    def file(self) -> Path | None:
        """The file that is open; None for a camera."""
        return self._workbench.file(self.path)

    @property
    def bundled(self) -> bool:
        """Whether what is open came with the program, which must not be written to."""
        return self.path is None or which_bundled(self._workbench.recordings, self.file) is not None

    @property
    def name(self) -> str:
        """What is open, in words."""
        if self.source is not None:
            return self.source.name
        return self.wanted_name if self.path else ""

    @property
    def wanted_name(self) -> str:
        """What was asked for, in words, also before it is open."""
        camera = CameraSpec.parse(self.path or "")
        if camera is not None:
            return camera.words
        return file.name if (file := self.file) is not None else "the bundled recording"

    def set_labels(self, labels: Sidecar) -> None:
        """Say what is true of the recording from now on."""
        self.labels = labels
        self.labels_changed.emit(labels)

    def set_trouble(self, words: str) -> None:
        """Say what is wrong with the open camera; nothing for all well."""
        if words != self.trouble:
            self.trouble = words
            self.trouble_changed.emit(words)

    # ---- opening and closing

    def open(self, path: str | None) -> None:
        """Close what is open and open ``path`` (None: the default source). A failure is told, not raised."""
        self.close()
        self.path = path
        self.opening.emit()
        # A camera opens for one pipeline at a time: the last one must have let go of it.
        self._waiting = True
        self._open_when_closed()

    def reopen(self) -> None:
        """Open what is open once more."""
        self.open(self.path)

    def close(self) -> None:
        """Let go of the pipeline."""
        self._timer.stop()
        self._waiting = False
        pipeline, self.pipeline = self.pipeline, None
        self.result, self._state = None, ""
        if pipeline is not None:
            closing: Job[None] = self._jobs.start("Closing", lambda _: _close(pipeline), kept=True)
            self._closings[closing] = pipeline
            closing.over.connect(lambda: self._closed(closing))
            self.pipeline_changed.emit(None)
        self._set_context(None, None)

    def finish_recordings(self) -> bool:
        """Wait until the recordings of what was closed are finished; False where the disk took nothing any more."""
        return all([pipeline.finish_recordings() for pipeline in list(self._closings.values())])

    def _closed(self, closing: Job[None]) -> None:
        del self._closings[closing]
        self._open_when_closed()

    def _open_when_closed(self) -> None:
        if not self._waiting or self._closings:
            return
        self._waiting = False
        try:
            pipeline = self._workbench(self.path)
            pipeline.start()
        except McoeError as error:
            self.failed.emit(str(error))
            return
        self.pipeline = pipeline
        self.set_labels(load_sidecar(file) if (file := self.file) is not None else Sidecar())
        self._timer.start()
        self.pipeline_changed.emit(pipeline)
        self.tick()

    # ---- the tick

    def tick(self) -> None:
        """Pull what is new and tell of it; nothing for a result that was shown already."""
        pipeline = self.pipeline
        if pipeline is None:
            return
        stats = pipeline.stats()
        if pipeline.info is not self.source or pipeline.engine_info is not self.engine:
            self._set_context(pipeline.info, pipeline.engine_info)
        result = pipeline.latest()
        if result is not None and result is not self.result:
            self.result = result
            self.result_shown.emit(result, pipeline.history())
        before, self._state = self._state, stats.state
        if before != stats.state:
            self._tell_failure(stats)
        self.ticked.emit(stats)

    def _tell_failure(self, stats: PipelineStats) -> None:
        if stats.state == "failed":
            self.failed.emit(stats.error or "The pipeline stopped without saying why.")
        elif stats.state == "ended" and self.result is None and not stats.dropped_windows:
            self.failed.emit("The recording ended before its first complete window; open a longer one.")

    def _set_context(self, source: SourceInfo | None, engine: EngineInfo | None) -> None:
        changed = source is not self.source
        self.source, self.engine = source, engine
        if changed:
            self.source_changed.emit(source)
        self.context_changed.emit(source, engine)

    # ---- controls

    def toggle_play(self) -> None:
        """Play or pause; at the end of a recording, play it again from the start."""
        pipeline = self.pipeline
        if pipeline is None:
            return
        state = pipeline.stats().state
        if state == "playing":
            pipeline.pause()
        elif state in ("paused", "ended"):
            pipeline.play()

    def step(self) -> None:
        """Go one window on and stay paused."""
        if self.pipeline is not None:
            self.pipeline.step()

    def seek(self, time_us: int) -> None:
        """Go to a stream time, µs, at once."""
        if self.pipeline is not None:
            self.pipeline.seek(time_us)

    def go(self, time_us: int) -> None:
        """Go to a stream time, µs, as a drag of the transport's knob does."""
        self.go_wanted.emit(time_us)

    def set_speed(self, speed: float) -> None:
        """Set the playback speed, 0.1 … 4."""
        if self.pipeline is not None:
            self.pipeline.set_speed(speed)


def _close(pipeline: Pipeline) -> None:
    pipeline.close()


class Rest(QObject):
    """Stops a recording while something else needs the processor, and lets it go on afterwards."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream)
        self._stream = stream
        self._resume: Pipeline | None = None

    def begin(self) -> None:
        """Pause what plays: two networks on the same cores would each take twice as long."""
        pipeline = self._stream.pipeline
        if pipeline is not None:
            self._resume = pipeline if pipeline.stats().state == "playing" else None
            pipeline.pause()

    def end(self) -> None:
        """Let it go on, if it is still open and nobody else has done anything with it."""
        pipeline, self._resume = self._resume, None
        if pipeline is not None and pipeline is self._stream.pipeline and pipeline.stats().state == "paused":
            pipeline.play()
