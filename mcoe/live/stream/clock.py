"""The playback clock: maps a recording's time to the wall's, apart from the frames themselves."""

from __future__ import annotations

import threading
import time

#: A longer stretch of a recording without a window, µs, is skipped and not waited out.
GAP_US = 5_000_000


class PlaybackClock:
    """Play, pause, step and speed for a recording. Thread-safe.

    The window thread calls :meth:`wait_for` before it lets a window go; everyone else turns the knobs.
    """

    def __init__(self, speed: float = 1.0, paced: bool = True) -> None:
        self._condition = threading.Condition()
        self._paced = paced
        self._speed = speed
        self._playing = True
        self._credit = 0  # windows let through while paused
        self._anchor: tuple[float, int] | None = None  # wall s, stream µs
        self._reached: int | None = None  # the last window let through in this generation, stream µs
        #: How long the stretch was that was skipped last, µs; 0 before the first.
        self.skipped_us = 0
        self._generation = 0
        self._closed = False

    @property
    def playing(self) -> bool:
        with self._condition:
            return self._playing

    @property
    def speed(self) -> float:
        with self._condition:
            return self._speed

    def play(self) -> None:
        self._change(playing=True)

    def pause(self) -> None:
        self._change(playing=False)

    def step(self) -> None:
        """Pause and let exactly one more window through."""
        with self._condition:
            self._playing = False
            self._credit += 1
            self._anchor = None
            self._condition.notify_all()

    def set_speed(self, speed: float) -> None:
        """Set the speed, 0.1 to 4 times real time. Raises ValueError outside."""
        if not 0.1 <= speed <= 4:
            raise ValueError(f"playback speed lies between 0.1 and 4, not {speed}")
        self._change(speed=speed)

    def restart(self, show_one: bool = True) -> int:
        """Begin a new generation after a seek: those who wait give up; one window shows even when paused."""
        with self._condition:
            self._generation += 1
            self._anchor = self._reached = None
            self._credit = int(show_one and not self._playing)
            self._condition.notify_all()
            return self._generation

    def close(self) -> None:
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def wait_for(self, stream_us: int, generation: int) -> bool:
        """Wait until the window at ``stream_us`` is due. False if a seek or the end overtook it."""
        with self._condition:
            if generation == self._generation:
                if self._reached is not None and stream_us - self._reached > GAP_US:
                    self._anchor, self.skipped_us = None, stream_us - self._reached
                self._reached = stream_us
            while not self._closed and generation == self._generation:
                if not self._playing:
                    if self._credit:
                        self._credit -= 1
                        return True
                    self._condition.wait()
                    continue
                if not self._paced:
                    return True
                now = time.monotonic()
                if self._anchor is None:
                    self._anchor = (now, stream_us)
                due = self._anchor[0] + (stream_us - self._anchor[1]) / 1e6 / self._speed
                if due <= now:
                    # Far behind (a suspended machine): go on from here instead of racing to catch up.
                    if now - due > 1.0:
                        self._anchor = (now, stream_us)
                    return True
                self._condition.wait(due - now)
            return False

    def _change(self, playing: bool | None = None, speed: float | None = None) -> None:
        with self._condition:
            self._playing = self._playing if playing is None else playing
            self._speed = self._speed if speed is None else speed
            self._credit = 0
            self._anchor = None
            self._condition.notify_all()
