"""The second stage: the window thread filters events, cuts windows, pairs them and lets them go when they are due."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

from mcoe.capture.source import SourceInfo
from mcoe.core.mailbox import Mailbox
from mcoe.events.inputs import View
from mcoe.events.noise import EventFilter, KeepAll
from mcoe.events.packets import Frame, Packet, packet_end_us
from mcoe.events.voxel import warm_up
from mcoe.live.stream.clock import PlaybackClock
from mcoe.live.stream.inference import WindowPair
from mcoe.live.stream.meter import Meter
from mcoe.live.stream.reader import Reader
from mcoe.live.stream.windows import Pairing, WindowBuilder
from mcoe.results import EngineInfo

MakeFilter = Callable[[tuple[int, int]], EventFilter]


class Windower:
    """Takes the reader's packets and hands over pairs of windows.

    Args:
        reader: where the packets come from.
        pairs: where the pairs go; None ends it.
        clock: when a recording's window is due.
        meter: told of events before and after the filter.
        engine: gives, once, what the network wants to see; before that the clock may not run.
        stride: gap of the frame pair, frames at 30 Hz.
        lossless: wait for the network instead of dropping windows, and end with the stream.
        began: called in the window thread once there is something to show.
        ended: called in the window thread at the stream's end, with the generation that ended.
    """

    def __init__(
        self,
        reader: Reader,
        pairs: Mailbox[WindowPair | None],
        clock: PlaybackClock,
        meter: Meter,
        engine: Mailbox[EngineInfo],
        *,
        stride: int,
        lossless: bool,
        began: Callable[[], None],
        ended: Callable[[int], None],
    ) -> None:
        self._reader, self._pairs, self._clock, self._meter = reader, pairs, clock, meter
        self._engine, self._stride, self._lossless = engine, stride, lossless
        self._began, self._ended = began, ended
        #: Where the eye is, from the next window on; None leaves it where it was.
        self.view: View | None = None
        #: Makes the noise filter for the sensor's size, from the next packet on; None keeps every event.
        self.make_filter: MakeFilter | None = None
        self._filter: EventFilter = KeepAll()
        self._filter_of: MakeFilter | None = None  # what the filter in use was made by
        self._builder: WindowBuilder | None = None

    @property
    def late_events(self) -> int:
        """Events that came after the window they belong to had been cut."""
        return self._builder.late_events if self._builder is not None else 0

    def run(self) -> None:
        """Work until a mailbox is closed. Raises Closed then."""
        generation = epoch = 0
        pairing = Pairing(self._stride)
        warm_up()  # while the engine loads, not at the first window
        while True:
            parcel = self._reader.packets.get()
            info = self._reader.info
            assert info is not None
            builder = self._builder or self._first_builder(info)
            if parcel.generation != generation:
                generation, epoch = parcel.generation, epoch + 1
                builder.restart(epoch)
                self._filter.reset()
            started = time.perf_counter()
            packet = self._filtered(parcel.packet, info)
            builder.view = self.view or builder.view
            if parcel.packet is not None and packet is None:
                continue
            for window in builder.feed(packet) if packet is not None else builder.finish():
                voxel_ms = (time.perf_counter() - started) * 1e3
                pair = WindowPair(pairing.older(window), window, info.size, voxel_ms, parcel.arrived_s)
                if window.t1_us >= parcel.show_from_us:
                    self._hand_over(pair, generation, info.live)
                started = time.perf_counter()
            if parcel.packet is None:
                if self._lossless:
                    self._pairs.put_wait(None)
                else:
                    self._ended(generation)

    def _first_builder(self, info: SourceInfo) -> WindowBuilder:
        engine = self._engine.get()
        self._reader.window_us = engine.window_us
        self._builder = WindowBuilder(info, engine.size, engine.bins, window_us=engine.window_us)
        self._began()
        return self._builder

    def _filtered(self, packet: Packet | None, info: SourceInfo) -> Packet | None:
        """Return the packet as the noise filter leaves it; None if nothing is left."""
        if packet is None or isinstance(packet, Frame):
            return packet
        if self._filter_of is not (make := self.make_filter):
            self._filter, self._filter_of = make(info.size) if make else KeepAll(), make
        kept = self._filter.apply(packet)
        self._meter.events(packet_end_us(packet), len(packet), len(kept))
        return kept if len(kept) else None

    def _hand_over(self, pair: WindowPair, generation: int, live: bool) -> None:
        if live and not self._clock.playing:
            return
        if not live:
            if not self._clock.wait_for(pair.window.t1_us, generation):
                return  # a seek overtook it
            pair = dataclasses.replace(pair, ready_s=time.perf_counter())
        if self._lossless:
            self._pairs.put_wait(pair)
        else:
            self._pairs.put(pair)
