"""A progress bar for a terminal, plain lines for a log file."""

from __future__ import annotations

import sys
import time
from types import TracebackType


class Bar:
    """One line that counts up to ``total`` with the time left; silent in all processes but the first.

    On a terminal it redraws at most ten times a second; elsewhere it prints a line at the end only.
    """

    def __init__(self, title: str, total: int, done: int = 0, *, shown: bool = True) -> None:
        self._title, self._total, self._done, self._start = title, total, done, done
        self._shown, self._live = shown, shown and sys.stderr.isatty()
        self._began, self._drawn = time.monotonic(), 0.0

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            sys.stderr.write("\r\x1b[K")
        if self._shown and kind is None and not self._live and self._done > self._start:
            took = time.monotonic() - self._began
            print(f"{self._title}: {self._done}/{self._total} in {took:.0f} s", file=sys.stderr)

    def step(self, note: str = "") -> None:
        """Count one more and show ``note`` behind the bar."""
        self._done += 1
        now = time.monotonic()
        if not self._live or (now - self._drawn < 0.1 and self._done < self._total):
            return
        self._drawn = now
        rate = (self._done - self._start) / max(now - self._began, 1e-9)
        left = (self._total - self._done) / max(rate, 1e-9)
        full = round(24 * self._done / max(self._total, 1))
        meter = f"{'█' * full}{'·' * (24 - full)} {self._done}/{self._total}"
        sys.stderr.write(f"\r\x1b[K{self._title} {meter} {rate:.1f}/s {left:.0f} s left {note}")
        sys.stderr.flush()
