"""The developer's view: how long the window's event loop was held up, what was dropped, what each stage costs."""

from __future__ import annotations

import time
from collections import deque

import numpy as np
from PySide6.QtCore import QObject, QRectF, Qt, QTimer
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from mcoe.results import PipelineStats

from ..widgets import theme
from ..widgets.painting import LEFT, RIGHT, Canvas, Painter, frame, text

BEAT_MS = 10
SPAN_S = 5.0
#: A hold-up that a hand on a slider begins to feel.
STALL_MS = 50.0


class Watchdog(QObject):
    """Beats every 10 ms in the event loop and notes how late each beat comes."""

    def __init__(self, parent: QObject | None = None, span_s: float = SPAN_S) -> None:
        super().__init__(parent)
        self._span_s = span_s
        self._late: deque[tuple[float, float]] = deque(maxlen=round(span_s * 1000 / BEAT_MS))
        self._due_s: float | None = None
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(lambda: self.beat(time.perf_counter()))

    def start(self) -> None:
        """Begin to watch."""
        self._late.clear()
        self._due_s = None
        self._timer.start()

    def stop(self) -> None:
        """Stop; the figures stay."""
        self._timer.stop()

    def beat(self, now_s: float) -> None:
        """Note a beat at ``now_s``."""
        if self._due_s is not None:
            self._late.append((now_s, max(0.0, (now_s - self._due_s) * 1000)))
        self._due_s = now_s + BEAT_MS / 1000

    def figures(self) -> tuple[float, float]:
        """Return the longest hold-up and the 95th percentile of the last span, ms; zeros before the first beat."""
        if not self._late:
            return 0.0, 0.0
        newest = self._late[-1][0]
        late = [ms for at, ms in self._late if newest - at <= self._span_s]
        return max(late), float(np.percentile(late, 95))


class Hud(QWidget):
    """A small card in its parent's corner; it takes no clicks."""

    REFRESH_MS = 250

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName("Developer figures")
        self.watchdog = Watchdog(self)
        self.rows: list[tuple[str, str, bool]] = []
        self._tick_ms: deque[float] = deque(maxlen=150)
        self._canvas = Canvas(self._draw, theme.CANVAS)
        self._canvas.setParent(self)
        self._stats: PipelineStats | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(self.REFRESH_MS)
        self._timer.timeout.connect(self.refresh)
        self.hide()

    def set_shown(self, shown: bool) -> None:
        """Show and watch, or hide and cost nothing."""
        self.setVisible(shown)
        if shown:
            self.watchdog.start()
            self._timer.start()
            self.refresh()
            self.raise_()
        else:
            self.watchdog.stop()
            self._timer.stop()

    def ticked(self, milliseconds: float) -> None:
        """Note what showing one result cost, without the painting."""
        self._tick_ms.append(milliseconds)

    def show_stats(self, stats: PipelineStats) -> None:
        """Take the newest counters."""
        self._stats = stats

    def refresh(self) -> None:
        """Bring the figures up to date."""
        longest, p95 = self.watchdog.figures()
        self.rows = [
            ("event loop held up, max of 5 s", f"{longest:.0f} ms", longest > STALL_MS),
            ("event loop held up, p95", f"{p95:.1f} ms", p95 > STALL_MS),
        ]
        if self._tick_ms:
            ticks = np.array(self._tick_ms)
            words = f"{np.median(ticks):.1f} / {np.percentile(ticks, 95):.1f} ms"
            self.rows.append(("window tick, median / p95", words, False))
        stats = self._stats
        if stats is not None:
            self.rows += [
                ("windows dropped", f"{stats.dropped_windows:,}", stats.dropped_windows > 0),
                ("packets dropped", f"{stats.dropped_packets:,}", stats.dropped_packets > 0),
                ("events too late", f"{stats.late_events:,}", stats.late_events > 0),
                ("results", f"{stats.results:,} at {stats.results_per_s:.1f}/s", False),
            ]
            for stage, (median, high) in stats.stage_ms.items():
                self.rows.append((f"{stage}, median / p95", f"{median:.1f} / {high:.1f} ms", False))
        metrics = self.fontMetrics()
        width = max(metrics.horizontalAdvance(name) + metrics.horizontalAdvance(value) for name, value, _ in self.rows)
        self.resize(width + 4 * metrics.height(), (len(self.rows) + 1) * metrics.height())
        # Over the oldest of what the lanes show, where it hides least.
        self.move(8, self._over.height() - self.height() - 8)
        self._canvas.setGeometry(self.rect())
        self._canvas.update()

    def _draw(self, painter: Painter, rect: QRectF) -> None:
        frame(painter, rect, theme.DIM)
        line = rect.height() / (len(self.rows) + 1)
        y = rect.top() + line / 2
        for name, value, alert in self.rows:
            row = QRectF(rect.left() + line, y, rect.width() - 2 * line, line)
            text(painter, row, name, LEFT, theme.DIM, 0.95)
            text(painter, row, value, RIGHT, QColor(theme.WARNING if alert else theme.TEXT), 0.95, bold=alert)
            y += line
