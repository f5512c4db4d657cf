"""A progress bar for a terminal, plain lines for a log file."""

from __future__ import annotations

import sys
import time
from types import TracebackType

#: How often the bar is drawn anew at most, and how often a log file gets a line, s.
REDRAW_S, LINE_S = 0.1, 60.0


class Bar:
    """One line on stderr that counts up to ``total`` with the time left.

    On a terminal it is redrawn at most every :data:`REDRAW_S`; elsewhere a line comes every :data:`LINE_S` and at the
    end.

    Args:
        title: what is counted.
        total: where it ends.
        done: where it begins, for work that goes on; the rate leaves it out.
        shown: say nothing where False, as in all processes of a training but the first.
    """

    def __init__(self, title: str, total: int, done: int = 0, *, shown: bool = True) -> None:
        self._title, self._total, self._done, self._start = title, total, done, done
        self._shown, self._live = shown, sys.stderr.isatty()
        self._began = self._said = time.monotonic()

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown and self._live:
            sys.stderr.write("\r\x1b[K")
        elif self._shown and kind is None and self._done > self._start:
            took = time.monotonic() - self._began
            print(f"{self._title}: {self._done}/{self._total} in {took:.0f} s", file=sys.stderr)

    def step(self, note: str = "") -> None:
        """Count one more and show ``note`` behind the bar."""
        self.reach(self._done + 1, note)

    def reach(self, done: int, note: str = "") -> None:
        """Count up to ``done`` and show ``note`` behind the bar."""
        self._done = done
        now = time.monotonic()
        last = self._live and done >= self._total
        if not self._shown or (now - self._said < (REDRAW_S if self._live else LINE_S) and not last):
            return
        self._said = now
        rate = (done - self._start) / max(now - self._began, 1e-9)
        left = f"{(self._total - done) / rate:.0f} s left" if rate > 0 else ""
        if self._live:
            full = round(24 * done / max(self._total, 1))
            meter = f"{'█' * full}{'·' * (24 - full)} {done}/{self._total}"
            sys.stderr.write(f"\r\x1b[K{self._title} {meter} {rate:.1f}/s {left} {note}")
            sys.stderr.flush()
        else:
            words = ", ".join(filter(None, (f"{done}/{self._total}", left, note)))
            print(f"{self._title}: {words}", file=sys.stderr, flush=True)
