"""capture → mailbox → windows and voxel grids → mailbox → inference → the newest result, for whoever pulls it.

Three threads, data in one direction, every queue bounded. A live source drops its oldest data when the network is
slow, and counts it; a recording waits at the first queue and drops only whole windows at the second. Headless runs
(``lossless``) wait everywhere. A window carries the older window it is paired with, so what the network says of a
window does not depend on which others were dropped.

The stages are :class:`~mcoe.live.stream.reader.Reader`, :class:`~mcoe.live.stream.windower.Windower` and
:class:`~mcoe.live.stream.inference.Inference`; here they are wired, watched and controlled.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from mcoe.capture.source import Source, SourceInfo
from mcoe.core.errors import McoeError
from mcoe.core.mailbox import Closed, Mailbox
from mcoe.core.priority import lower_priority
from mcoe.core.timing import STRIDE, gap_us
from mcoe.events.inputs import View
from mcoe.events.noise import EventFilter
from mcoe.live.engine.stepper import Stepper
from mcoe.live.stream.clock import PlaybackClock
from mcoe.live.stream.history import History, HistoryPoint
from mcoe.live.stream.inference import Inference, Questions, WindowPair
from mcoe.live.stream.meter import Meter
from mcoe.live.stream.reader import Reader
from mcoe.live.stream.recording_control import RecordingControl
from mcoe.live.stream.windower import Windower
from mcoe.recording.recorder import RecorderStatus
from mcoe.results import EngineInfo, PipelineState, PipelineStats, Question, Result
from mcoe.sensor.lighting import Lighting

log = logging.getLogger(__name__)

#: How long :meth:`Pipeline.close` waits for threads that load, decode or talk to a driver, s.
PATIENCE_S = 30.0
#: How long a disk may take nothing before a recording is left to it, s.
DISK_PATIENCE_S = 10.0
#: Windows between the window thread and the network: one that waits, the newest.
PAIRS = 1


class Pipeline:
    """A source, an engine and the threads between them.

    Args:
        open_source: opens the source; called in the capture thread, so that a slow device blocks nobody.
        engine_factory: builds the engine; called in the inference thread.
        stride: gap of the frame pair, in frames at 30 Hz.
        speed: playback speed of a recording, 0.1 to 4.
        loop: start a recording again when it ends.
        lossless: never drop a window and do not pace (headless); a recording only.
        record: record to this file from the source's first packet.
    """

    def __init__(
        self,
        open_source: Callable[[], Source],
        engine_factory: Callable[[], Stepper],
        *,
        stride: int = STRIDE,
        speed: float = 1.0,
        loop: bool = False,
        lossless: bool = False,
        record: Path | None = None,
    ) -> None:
        self._engine_factory, self._loop, self._record = engine_factory, loop, record
        self._clock = PlaybackClock(speed, paced=not lossless)
        self._pairs: Mailbox[WindowPair | None] = Mailbox(PAIRS)
        self._built: Mailbox[EngineInfo] = Mailbox(1)  # the engine stands: only now the clock may run
        self._meter = Meter()
        self._questions = Questions()
        self._recording = RecordingControl()
        self._reader = Reader(
            open_source,
            self._clock,
            gap_us=gap_us(stride),
            lossless=lossless,
            opened=self._opened,
            arrived=self._recording.write,  # before any filter: a recording holds what the source sent
        )
        self._windower = Windower(
            self._reader,
            self._pairs,
            self._clock,
            self._meter,
            self._built,
            stride=stride,
            lossless=lossless,
            began=self._began,
            ended=self._stream_ended,
        )
        #: Gap of the frame pair, frames at 30 Hz.
        self.stride = stride
        self._lock = threading.Lock()
        self._state: PipelineState = "loading"
        self._error: str | None = None
        self._position_us = 0
        self._latest: Result | None = None
        self._history = History()
        #: What the engine says of itself; None while it is being built.
        self.engine_info: EngineInfo | None = None
        #: Called in the inference thread with every result, in order (headless output, recording).
        self.on_result: Callable[[Result], None] | None = None
        self._threads = [
            threading.Thread(target=self._guard, args=(work,), name=f"mcoe-{name}", daemon=True)
            for name, work in (
                ("capture", self._reader.run),
                ("windows", self._windower.run),
                ("inference", self._infer),
            )
        ]

    # ---- for whoever watches

    @property
    def source(self) -> Source | None:
        """The open source, for what only it knows (a camera's status and settings); None before it is open."""
        return self._reader.source

    @property
    def info(self) -> SourceInfo | None:
        """What the source says of itself; None before it is open."""
        return self._reader.info

    def latest(self) -> Result | None:
        """Return the newest result, or None before the first."""
        with self._lock:
            return self._latest

    def history(self) -> list[HistoryPoint]:
        """Return the last results' points, oldest first."""
        with self._lock:
            return self._history.points()

    def stats(self) -> PipelineStats:
        """Return the counters and the figures over the last 5 s."""
        results, rate, events_per_s, stages = self._meter.figures()
        # What a source counts: a recording's decoder, or a camera.
        lost = {name: int(getattr(self.source, name, 0)) for name in ("dropped_frames", "dropped_events", "dropped")}
        with self._lock:
            state = self._state
            if state == "playing" and not self._clock.playing:
                state = "paused"
            return PipelineStats(
                state=state,
                error=self._error,
                position_us=self._position_us,
                results=results,
                results_per_s=rate,
                dropped_packets=self._reader.packets.dropped,
                dropped_windows=self._pairs.dropped,
                late_events=self._windower.late_events,
                events_per_s=events_per_s[0],
                kept_per_s=events_per_s[1],
                stage_ms=stages,
                lost_frames=lost["dropped_frames"],
                lost_events=lost["dropped_events"],
                lost_packets=lost["dropped"],
            )

    # ---- playback

    def start(self) -> None:
        """Start the threads and return at once; :meth:`stats` says how loading goes."""
        for thread in self._threads:
            thread.start()

    def play(self) -> None:
        """Go on; from the beginning if the recording has ended."""
        with self._lock:
            ended = self._state == "ended"
        self._clock.play()
        if ended and self.info is not None:
            self.seek(self.info.start_us)

    def pause(self) -> None:
        """Hold the window that is shown."""
        self._clock.pause()

    def step(self) -> None:
        """Pause and show the next window."""
        self._clock.step()

    def set_speed(self, speed: float) -> None:
        """Set the playback speed, 0.1 to 4. Raises ValueError outside."""
        self._clock.set_speed(speed)

    def seek(self, time_us: int) -> None:
        """Show the first window that ends at or after ``time_us``; ignored on a live source.

        It ends a recording, without waiting for the disk: the file's time would run back.
        """
        if self.info is None or self.info.live:
            return
        self._recording.end()
        with self._lock:
            if self._state in ("failed", "closed"):
                return
            self._state = "playing"
            self._reader.seek(time_us)

    # ---- what is asked of every window

    @property
    def question(self) -> Question:
        """What to explain of every window; replace it at any time."""
        return self._questions.question

    @question.setter
    def question(self, question: Question) -> None:
        self._questions.question = question

    def set_view(self, view: View) -> None:
        """Look at another square of the sensor, or at a left eye, from the next window on."""
        self._windower.view = view

    def set_filter(self, make: Callable[[tuple[int, int]], EventFilter] | None) -> None:
        """Filter the events with what ``make`` returns for the sensor's size; None keeps them all."""
        self._windower.make_filter = make

    def set_lighting(self, light: Lighting) -> None:
        """Also run the stream under this light, side by side; a light that changes nothing turns it off."""
        self._questions.light = light

    def set_second(self, engine: Stepper | None) -> None:
        """Also ask a second engine about every window; None stops."""
        self._questions.second = engine

    # ---- recording

    def record(self, path: Path) -> None:
        """Record the source's packets and the predictions from now on.

        Raises:
            McoeError: no source is open yet, a recording runs already, or ``path`` cannot be made.
        """
        self._recording.start(path, self.info)

    def stop_recording(self) -> RecorderStatus | None:
        """Finish the recording, waiting for the disk.

        Returns:
            What became of it, or of the one that a seek ended; None if there was none.
        """
        return self._recording.stop()

    def mark(self, label: str) -> None:
        """Note ``label`` in the running recording at the moment shown; without one it does nothing."""
        self._recording.mark(label, self._position_us)

    def unmark(self) -> bool:
        """Take the running recording's last mark back. False if there is none."""
        return self._recording.unmark()

    @property
    def recording(self) -> RecorderStatus | None:
        """How the running recording is doing; None when none runs."""
        return self._recording.status

    # ---- the end

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the recording has ended or failed (headless). False after ``timeout`` seconds."""
        self._threads[-1].join(timeout)
        return not self._threads[-1].is_alive()

    def finish_recordings(self) -> bool:
        """Finish every recording, and begin no other; from any thread.

        Returns:
            Whether all are finished; False where the disk took nothing for :data:`DISK_PATIENCE_S`.
        """
        return self._recording.close(DISK_PATIENCE_S)

    def close(self, patience_s: float = PATIENCE_S) -> tuple[str, ...]:
        """Finish the recording, then stop and join the threads and release the source. A second call does nothing.

        Args:
            patience_s: how long to wait for the threads, s. What hangs in a library, loading or decoding, is left:
                its thread keeps no process from ending.

        Returns:
            The names of the threads that were left.
        """
        self._shut("closed")
        self.finish_recordings()
        until = time.monotonic() + patience_s
        threads = [*self._threads, *filter(None, [self._reader.closer])]
        for thread in threads:
            if thread.ident is not None and thread is not threading.current_thread():
                thread.join(max(0.0, until - time.monotonic()))
        left = tuple(thread.name for thread in threads if thread.is_alive())
        if left:
            log.warning("%s did not end within %g s and was left", " and ".join(left), patience_s)
        return left

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Closed:
            pass
        except McoeError as error:
            self._fail(str(error))
        except Exception as error:
            if self._state == "closed":
                return  # its source was closed under it
            log.exception("the pipeline stopped")
            self._fail(
                f"The pipeline stopped on an unexpected {type(error).__name__}: {error}; see the log and report it."
            )

    def _fail(self, message: str) -> None:
        with self._lock:
            if self._error is None and self._state != "closed":
                self._error = message
        self._shut("failed")
        self._recording.end()

    def _shut(self, state: PipelineState) -> None:
        with self._lock:
            if self._state not in ("failed", "closed") or state == "closed":
                self._state = state
        self._clock.close()
        self._reader.close()
        self._pairs.close()
        self._built.close()

    # ---- called by the stages, each in its own thread

    def _opened(self, info: SourceInfo) -> None:
        self._position_us = info.start_us
        if self._record is not None:
            self.record(self._record)

    def _began(self) -> None:
        with self._lock:
            self._state = "playing" if self._state == "loading" else self._state

    def _stream_ended(self, generation: int) -> None:
        assert self.info is not None
        with self._lock:
            if generation != self._reader.generation:
                return  # a seek is under way
            if not self._loop:
                self._state = "ended" if self._state == "playing" else self._state
                return
        self.seek(self.info.start_us)

    def _infer(self) -> None:
        lower_priority()
        engine = self._engine_factory()
        self.engine_info = engine.info
        self._built.put(engine.info)
        inference = Inference(engine, self._questions)
        while (pair := self._pairs.get()) is not None:
            result = inference.answer(pair)
            self.engine_info = engine.info  # another one where a GPU failed meanwhile
            self._deliver(result)
        with self._lock:
            self._state = "ended"

    def _deliver(self, result: Result) -> None:
        self._meter.result(result.stage_ms)
        if self.on_result is not None:
            self.on_result(result)
        self._recording.add_result(result)
        with self._lock:
            self._latest = result
            self._position_us = result.window.t1_us
            self._history.append(result)
