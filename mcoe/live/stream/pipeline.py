"""capture → mailbox → windows and voxel grids → mailbox → inference → the newest result, for whoever pulls it.

Three threads, data in one direction, every queue bounded. A live source drops its oldest data when the network is
slow, and counts it; a recording waits at the first queue and drops only whole windows at the second. Headless runs
(``lossless``) wait everywhere. A window carries the older window it is paired with, so what the network says of a
window does not depend on which others were dropped.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mcoe.capture.source import Source, SourceInfo
from mcoe.core.errors import McoeError
from mcoe.core.mailbox import Closed, Mailbox
from mcoe.core.priority import step_back
from mcoe.core.timing import STRIDE, gap_us
from mcoe.events.inputs import View
from mcoe.events.noise import EventFilter, KeepAll
from mcoe.events.packets import Frame, Packet, packet_end_us
from mcoe.events.voxel import warm_up
from mcoe.live.engine.stepper import Stepper
from mcoe.live.stream.clock import PlaybackClock
from mcoe.live.stream.inference import Asked, History, HistoryPoint, Inference, Job
from mcoe.live.stream.meter import Meter
from mcoe.live.stream.recording import Recording
from mcoe.live.stream.windows import Pairing, WindowBuilder
from mcoe.recording.recorder import RecorderStatus
from mcoe.results import EngineInfo, PipelineStats, Question, Result
from mcoe.sensor.lighting import Lighting

__all__ = ["HistoryPoint", "Pipeline"]

log = logging.getLogger(__name__)

#: Packets between capture and windows. A batch holds about 10 ms, so this is well over half a second of slack.
PACKETS = 64
#: Windows between the window thread and the network: one that waits, the newest.
JOBS = 1
#: A seek starts reading this much before the older window of the pair, µs, so that both are whole.
PREROLL_US = 200_000


@dataclass(frozen=True, slots=True)
class _Parcel:
    generation: int
    packet: Packet | None  # None: the stream ended
    show_from_us: int
    arrived_s: float


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
        self._open_source, self._engine_factory = open_source, engine_factory
        self._stride, self._loop, self._lossless = stride, loop, lossless
        self._clock = PlaybackClock(speed, paced=not lossless)
        self._packets: Mailbox[_Parcel] = Mailbox(PACKETS)
        self._jobs: Mailbox[Job | None] = Mailbox(JOBS)
        self._meter = Meter()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ready = threading.Event()  # the engine stands: only now the clock may run
        self._seek_us: int | None = None
        self._generation = 0
        self._state = "loading"
        self._error: str | None = None
        self._position_us = 0
        self._latest: Result | None = None
        self._history: History = History()
        self._asked = Asked()
        self._view: View | None = None
        self._filter: EventFilter = KeepAll()
        self._make_filter: Callable[[tuple[int, int]], EventFilter] | None = None
        self._filter_of: object = None  # what the filter in use was made by
        self._record = record
        self._recording = Recording()
        #: The open source, for what only it knows (a camera's status and settings); None before it is open.
        self.source: Source | None = None
        #: What to explain; replace it at any time.
        self.question = Question()
        self._closing = False
        self._builder: WindowBuilder | None = None
        self.info: SourceInfo | None = None
        self.engine_info: EngineInfo | None = None
        #: Called in the inference thread with every result, in order (headless output, recording).
        self.on_result: Callable[[Result], None] | None = None
        self._threads = [
            threading.Thread(target=self._guard, args=(work,), name=f"mcoe-{name}", daemon=True)
            for name, work in (
                ("capture", self._capture),
                ("windows", self._windows),
                ("inference", self._inference),
            )
        ]

    # ---- for whoever watches

    def start(self) -> None:
        """Start the threads and return at once; :meth:`stats` says how loading goes."""
        for thread in self._threads:
            thread.start()

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
                dropped_packets=self._packets.dropped,
                dropped_windows=self._jobs.dropped,
                late_events=self._builder.late_events if self._builder else 0,
                events_per_s=events_per_s[0],
                kept_per_s=events_per_s[1],
                stage_ms=stages,
            )

    def play(self) -> None:
        """Go on; from the beginning if the recording has ended."""
        with self._lock:
            ended = self._state == "ended"
        self._clock.play()
        if ended and self.info is not None:
            self.seek(self.info.start_us)

    def pause(self) -> None:
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
            # Before the capture thread can know of the seek: later, its first packets would be thrown away as well.
            self._packets.clear()
            self._seek_us = time_us
            self._state = "playing"
            self._generation = self._clock.restart()
        self._wake.set()

    @property
    def question(self) -> Question:
        """What to explain of every window; replace it at any time."""
        return self._asked.question

    @question.setter
    def question(self, question: Question) -> None:
        self._asked.question = question

    def set_cam_class(self, index: int | None) -> None:
        """Explain this class with Grad-CAM; None explains the predicted one."""
        self.question = dataclasses.replace(self.question, target=index)

    def set_view(self, view: View) -> None:
        """Look at another square of the sensor, or at a left eye, from the next window on."""
        self._view = view

    def set_filter(self, make: Callable[[tuple[int, int]], EventFilter] | None) -> None:
        """Filter the events with what ``make`` returns for the sensor's size; None keeps them all."""
        self._make_filter = make

    def set_lighting(self, light: Lighting) -> None:
        """Also run the stream under this light, side by side; a light that changes nothing turns it off."""
        self._asked.light = light

    def set_second(self, engine: Stepper | None) -> None:
        """Also ask a second engine about every window; None stops."""
        self._asked.second = engine

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

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the recording has ended or failed (headless). False after ``timeout`` seconds."""
        self._threads[-1].join(timeout)
        return not self._threads[-1].is_alive()

    def close(self) -> None:
        """Stop and join the threads, release the source. A second call does nothing."""
        self._shut("closed")
        for thread in self._threads:
            if thread.ident is not None and thread is not threading.current_thread():
                thread.join()
        self._recording.close()

    # ---- the threads

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Closed:
            pass
        except McoeError as error:
            self._fail(str(error))
        except Exception as error:
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

    def _shut(self, state: str) -> None:
        with self._lock:
            if self._state not in ("failed", "closed") or state == "closed":
                self._state = state
        self._closing = True
        self._clock.close()
        self._packets.close()
        self._jobs.close()
        self._ready.set()
        self._wake.set()

    def _capture(self) -> None:
        source = self._open_source()
        try:
            self.source, self.info = source, source.info
            info = source.info
            if self._lossless and info.live:
                raise McoeError(f"{info.name} is live and cannot run without dropping; record it and replay the file.")
            self._position_us = info.start_us
            if self._record is not None:
                self.record(self._record)
            put = self._packets.put if info.live else self._packets.put_wait
            generation, show_from = 0, -(1 << 62)
            while not self._closing:
                with self._lock:
                    seek, self._seek_us = self._seek_us, None
                    if seek is not None:
                        generation = self._generation
                if seek is not None:
                    show_from = seek
                    source.seek(max(info.start_us, seek - gap_us(self._stride) - PREROLL_US))
                try:
                    packet = source.read(0.1 if info.live else 1.0)
                except TimeoutError:
                    continue
                if packet is not None:
                    self._recording.write(packet)  # before any filter: a recording holds what the source sent
                put(_Parcel(generation, packet, show_from, time.perf_counter()))
                if packet is None and not self._wait_for_seek(info):
                    return
        finally:
            source.close()

    def _wait_for_seek(self, info: SourceInfo) -> bool:
        """At the end of the stream, sleep until a seek; False when there will be none."""
        if self._lossless or info.live:
            return False
        while not self._closing:
            self._wake.wait()
            self._wake.clear()
            with self._lock:
                if self._seek_us is not None:
                    return True
        return False

    def _windows(self) -> None:
        builder: WindowBuilder | None = None
        generation = epoch = 0
        pairing = Pairing(self._stride)
        warm_up()  # while the engine loads, not at the first window
        while True:
            parcel = self._packets.get()
            info = self.info
            assert info is not None
            if builder is None:
                self._ready.wait()
                if self.engine_info is None:
                    return  # closed while the engine was loading
                builder = WindowBuilder(info, self.engine_info.size, self.engine_info.bins)
                builder.restart(0)
                self._builder = builder
                with self._lock:
                    self._state = "playing" if self._state == "loading" else self._state
            if parcel.generation != generation:
                generation, epoch = parcel.generation, epoch + 1
                builder.restart(epoch)
                self._filter.reset()
            started = time.perf_counter()
            packet = self._filtered(parcel.packet)
            builder.view = self._view or builder.view
            if parcel.packet is not None and packet is None:
                continue
            for window in builder.feed(packet) if packet is not None else builder.finish():
                voxel_ms = (time.perf_counter() - started) * 1e3
                job = Job(pairing.older(window), window, info.size, voxel_ms, parcel.arrived_s)
                if window.t1_us >= parcel.show_from_us:
                    self._hand_over(job, generation)
                started = time.perf_counter()
            if parcel.packet is None:
                self._end(generation)

    def _filtered(self, packet: Packet | None) -> Packet | None:
        """Return the packet as the noise filter leaves it; None if nothing is left."""
        if packet is None or isinstance(packet, Frame):
            return packet
        if self._filter_of is not (make := self._make_filter):
            assert self.info is not None
            self._filter, self._filter_of = make(self.info.size) if make else KeepAll(), make
        kept = self._filter.apply(packet)
        self._meter.events(packet_end_us(packet), len(packet), len(kept))
        return kept if len(kept) else None

    def _hand_over(self, job: Job, generation: int) -> None:
        assert self.info is not None
        live = self.info.live
        if live and not self._clock.playing:
            return
        if not live:
            if not self._clock.wait_for(job.window.t1_us, generation):
                return  # a seek overtook it
            job = dataclasses.replace(job, ready_s=time.perf_counter())
        if self._lossless:
            self._jobs.put_wait(job)
        else:
            self._jobs.put(job)

    def _end(self, generation: int) -> None:
        assert self.info is not None
        if self._lossless:
            self._jobs.put_wait(None)
            return
        with self._lock:
            if generation != self._generation:
                return  # a seek is under way
            if not self._loop:
                self._state = "ended" if self._state == "playing" else self._state
                return
        self.seek(self.info.start_us)

    def _inference(self) -> None:
        step_back()
        engine = self._engine_factory()
        self.engine_info = engine.info
        self._ready.set()
        inference = Inference(engine, self._asked)
        while (job := self._jobs.get()) is not None:
            result = inference.answer(job)
            self._meter.result(result.stage_ms)
            if self.on_result is not None:
                self.on_result(result)
            self._recording.add_result(result)
            with self._lock:
                self._latest = result
                self._position_us = job.window.t1_us
                self._history.append(result)
        with self._lock:
            self._state = "ended"
