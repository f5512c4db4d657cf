"""The lighting laboratory: the same moment in its own light and under another, side by side."""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QRectF, Signal
from PySide6.QtGui import QColor, QHideEvent, QShowEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPushButton

from mcoe.capture.source import SourceInfo
from mcoe.core.words import EMOTIONS
from mcoe.live.stream.history import HistoryPoint
from mcoe.results import EngineInfo, Prediction, Result, Window
from mcoe.sensor.lighting import PRESETS, Lighting, parameters

from ..widgets import theme
from ..widgets.painting import (
    LEFT,
    RIGHT,
    Painter,
    block,
    draw_image,
    fitted,
    frame,
    line_height,
    percent,
    pixels,
    placeholder,
    text,
    text_width,
)
from .base import Panel
from .camera import compose
from .light_dials import EV_STEP, describe, ev_words, make_dials

#: Stream time that the agreement lane and its share cover, s.
SPAN_S = 20.0
AGREE, DISAGREE = theme.ACCENT, theme.WARNING


class LightingPanel(Panel):
    """Sliders and presets; original and stressed frame with what the network says of each, and how long it holds."""

    key = "lighting"
    title = "Lighting laboratory"
    sentence = (
        "The incoming light stressed in linear light, frames and events alike: the network's answer to both streams, "
        "and since when they differ."
    )
    #: The light asked for, a :class:`~mcoe.sensor.lighting.Lighting`.
    light_changed = Signal(object)
    #: The user asks for a robustness sweep of the recording.
    sweep_requested = Signal()
    #: The panel came onto the screen or left it.
    shown = Signal(bool)

    def __init__(self, kind: type[Lighting] = Lighting) -> None:
        super().__init__()
        self.rows = parameters(kind)
        self.light = kind()
        self.on_screen = False
        self._judged: deque[tuple[float, bool]] = deque()  # (elapsed s, agreed), the last SPAN_S
        self._now_s = self._seen_s = -math.inf
        self._agreed_s: float | None = None
        self._lit_s = -math.inf  # when the present light came
        self.overlay = True
        self.dials = make_dials(kind)
        self.sweep_button = QPushButton("Sweep exposure…")
        self.sweep_button.setToolTip("Read the recording at −6 … +6 EV and draw how often each modality holds.")
        self.sweep_button.clicked.connect(self.sweep_requested)
        self.presets = {name: QPushButton(name) for name in PRESETS}
        self._lay_out()
        for name, dial in self.dials.items():
            dial.changed.connect(lambda value, name=name: self._turned(name, value))
        for name, button in self.presets.items():
            button.setCheckable(True)
            button.setToolTip(describe(PRESETS[name]))
            button.clicked.connect(lambda _checked=False, name=name: self.set_light(PRESETS[name]))
        self._show_preset()
        self.set_context(None, None)

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(6)
        for button in self.presets.values():
            row.addWidget(button, 1)
        grid = QGridLayout()
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(4)
        for i, control in enumerate([*self.dials.values(), self.sweep_button]):
            grid.addWidget(control, i // 4, i % 4)
        for column in range(4):
            grid.setColumnStretch(column, 1)
        self.box.addSpacing(8)
        self.box.addLayout(row)
        self.box.addSpacing(6)
        self.box.addLayout(grid)

    # ---- controls

    @property
    def seen_light(self) -> Lighting:
        """The light that is asked for while somebody sees the panel; one that changes nothing otherwise."""
        return self.light if self.on_screen else Lighting()

    def set_light(self, light: Lighting) -> None:
        """Stress the stream with ``light`` and show it on the dials."""
        for name, row in self.rows.items():
            resting = row.rest is not None and getattr(light, row.of) == self.rows[row.of].default
            self.dials[name].set_value(row.rest if resting and row.rest is not None else getattr(light, name))
        self._tell(light)

    def reset(self) -> None:
        """Go back to the light of the recording."""
        self.set_light(Lighting())

    def next_preset(self, by: int) -> None:
        """Choose the preset ``by`` further on; from a light of one's own, the first or the last."""
        names = list(PRESETS)
        here = [i for i, name in enumerate(names) if PRESETS[name] == self.light]
        self.set_light(PRESETS[names[(here[0] + by if here else min(by, 0)) % len(names)]])

    def brighten(self, stops: float) -> None:
        """Add ``stops`` to the exposure, as far as its dial goes."""
        slider = self.dials["ev"].slider
        slider.setValue(slider.value() + round(stops / EV_STEP))

    def set_overlay(self, shown: bool) -> None:
        """Show or hide the events over both frames."""
        self.overlay = shown
        self.canvas.update()

    def _turned(self, name: str, value: float) -> None:
        """Take a dial's value; what does nothing without another part of the light follows that part on and off."""
        changed = {name: value}
        for other, row in self.rows.items():
            if row.of and name in (row.of, other):
                off = changed.get(row.of, getattr(self.light, row.of)) == self.rows[row.of].default
                changed[other] = row.default if off else self.dials[other].value
        self._tell(dataclasses.replace(self.light, **changed))  # type: ignore[arg-type]  # names of the light's fields

    def _tell(self, light: Lighting) -> None:
        if light.active != self.light.active:
            self._judged.clear()
            self._agreed_s = None
        if light != self.light:
            self._lit_s = self._now_s
        self.light = light
        self._show_preset()
        self.light_changed.emit(light)
        self.canvas.update()

    def _show_preset(self) -> None:
        for name, button in self.presets.items():
            button.setChecked(PRESETS[name] == self.light)

    # ---- what is shown

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.on_screen = True
        self.shown.emit(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.on_screen = False
        self.shown.emit(False)

    def set_context(self, source: SourceInfo | None, engine: EngineInfo | None) -> None:
        super().set_context(source, engine)
        can = source is not None and not source.live and source.has_frames and source.has_events
        self.sweep_button.setEnabled(can)
        untrained = engine is not None and not engine.trained
        self.note.setText("untrained network: agreement means nothing yet" if untrained else "frames and events alike")

    def show_result(self, result: Result, history: Sequence[HistoryPoint]) -> None:
        self._judge(history)
        if result.stressed is not None and result.stressed.window.light != self.light:
            self._lit_s = self._now_s  # still the light before: its answers do not count for this one
        super().show_result(result, history)

    def clear(self) -> None:
        self._judged.clear()
        self._now_s = self._seen_s = self._lit_s = -math.inf
        self._agreed_s = None
        super().clear()

    def _judge(self, history: Sequence[HistoryPoint]) -> None:
        """Take in the points that came since the last call."""
        fresh = []
        for point in reversed(history):
            if point.elapsed_s <= self._seen_s:
                break
            fresh.append(point)
        for point in reversed(fresh):
            if point.stressed is None or not self.light.active:
                continue
            agreed = int(point.stressed.argmax()) == int(point.probabilities.argmax())
            self._judged.append((point.elapsed_s, agreed))
            if agreed:
                self._agreed_s = point.elapsed_s
        if history:
            self._now_s = self._seen_s = history[-1].elapsed_s
        while self._judged and self._judged[0][0] < self._now_s - SPAN_S:
            self._judged.popleft()

    @property
    def pair(self) -> tuple[Prediction, Prediction] | None:
        """What the network says of the stream as it came and of the stressed one; None while nothing is stressed."""
        if self.result is None or self.result.stressed is None or not self.light.active:
            return None
        return self.result.prediction, self.result.stressed.prediction

    @property
    def agreed(self) -> bool | None:
        """Whether both streams name the same emotion now; None while nothing is stressed."""
        pair = self.pair
        return None if pair is None else int(pair[0].probabilities.argmax()) == int(pair[1].probabilities.argmax())

    @property
    def drop(self) -> float | None:
        """How much belief in the original's answer the light takes, as a share; negative if it adds some."""
        pair = self.pair
        if pair is None:
            return None
        answer = int(pair[0].probabilities.argmax())
        return float(pair[0].probabilities[answer] - pair[1].probabilities[answer])

    @property
    def since_s(self) -> float | None:
        """Stream time since both agreed, s; None if they have not since the laboratory was lit."""
        return None if self._agreed_s is None else max(0.0, self._now_s - self._agreed_s)

    @property
    def share(self) -> float | None:
        """Share of the results under this light, of the last 20 s, on which both agreed."""
        counted = [agreed for at, agreed in self._judged if at > self._lit_s]
        return float(np.mean(counted)) if counted else None

    def draw(self, painter: Painter, rect: QRectF) -> None:
        big, small = line_height(painter, 1.45), line_height(painter, 0.86)
        foot = big + small + 22
        gap = 12.0
        column = (rect.width() - gap) / 2
        room = rect.height() - 2 * small - big - foot - 8
        came: tuple[Window | None, Prediction | None] = (None, None)
        lit: tuple[Window | None, Prediction | None] = (None, None)
        if self.result is not None:
            came = self.result.window, self.result.prediction
            if self.pair is not None and self.result.stressed is not None:
                lit = self.result.stressed.window, self.pair[1]
        streams = (("as it came", *came), (self._light_words(), *lit))
        for i, (name, window, prediction) in enumerate(streams):
            place = QRectF(rect.left() + i * (column + gap), rect.top(), column, small)
            text(painter, place, name, LEFT, theme.TEXT if i else theme.DIM, 0.86, bold=True)
            if window is not None:
                words = f"{len(window.events):,} events in {(window.t1_us - window.t0_us) / 1000:.0f} ms"
                text(painter, place, words, RIGHT, theme.DIM, 0.86)
            self._picture(painter, QRectF(place.left(), place.bottom() + 2, column, room), window, second=bool(i))
            below = QRectF(place.left(), place.bottom() + room + 6, column, big + small)
            self._answer(painter, below, prediction, big)
        self._verdict(painter, QRectF(rect.left(), rect.bottom() - foot, rect.width(), foot), big, small)

    def _light_words(self) -> str:
        if not self.light.active:
            return "under another light"
        named = [name for name, light in PRESETS.items() if light == self.light]
        return f"{named[0] if named else 'your own light'} · {ev_words(self.light.ev)}"

    def _picture(self, painter: Painter, area: QRectF, window: Window | None, second: bool) -> None:
        if window is None or self.source is None:
            waiting = second and self.result is not None
            placeholder(painter, area, "Choose a preset or move a slider to change the light." if waiting else "")
            return
        width, height = self.source.size
        painter.fillRect(area, QColor(theme.CANVAS))
        place = fitted(area, width / height)
        draw_image(painter, place, compose(window, (width, height), pixels(painter, place), self.overlay))
        x, y, side = window.roi
        scale = place.width() / width
        square = QRectF(QRectF(place.x() + x * scale, place.y() + y * scale, side * scale, side * scale).toRect())
        frame(painter, square, QColor(230, 234, 240, 110))

    def _answer(self, painter: Painter, rect: QRectF, said: Prediction | None, big: float) -> None:
        head = QRectF(rect.left(), rect.top(), rect.width(), big)
        bar = QRectF(rect.left(), head.bottom() + 2, rect.width(), max(5.0, (rect.height() - big) * 0.45))
        block(painter, bar, theme.RAISED, 3)
        if said is None:
            return
        top = int(said.probabilities.argmax())
        name, value = EMOTIONS[top], float(said.probabilities[top])
        colour = theme.EMOTION_COLOURS[name]
        text(painter, head, name.capitalize(), LEFT, colour, 1.4, bold=True)
        text(painter, head, percent(value), RIGHT, theme.TEXT, 1.4, bold=True)
        block(painter, QRectF(bar.left(), bar.top(), max(2.0, bar.width() * value), bar.height()), colour, 3)

    def _verdict(self, painter: Painter, rect: QRectF, big: float, small: float) -> None:
        """Four figures in fixed places, and the lane of the last 20 s."""
        figures = self.figures()
        column = rect.width() / len(figures)
        for i, (caption, words, colour) in enumerate(figures):
            left = rect.left() + i * column
            text(painter, QRectF(left, rect.top(), column - 8, small), caption, LEFT, theme.DIM, 0.86)
            text(
                painter, QRectF(left, rect.top() + small, column - 8, big * 0.92), words, LEFT, colour, 1.25, bold=True
            )
        self._lane(painter, rect, small)

    def _lane(self, painter: Painter, rect: QRectF, small: float) -> None:
        """Draw when both agreed over the last 20 s, and when the present light came, at the foot of ``rect``."""
        words = f"last {SPAN_S:.0f} s"
        wide = text_width(painter, words, 0.8) + 8
        place = QRectF(rect.left(), rect.bottom() - 8 - small / 2, wide, small)
        text(painter, place, words, LEFT, theme.DIM, 0.8)
        lane = QRectF(rect.left() + wide, rect.bottom() - 12, rect.width() - wide, 9)
        painter.fillRect(lane, QColor(theme.RAISED))
        start = self._now_s - SPAN_S
        for begin, end, agreed in _runs(self._judged):
            x0 = lane.left() + (max(begin, start) - start) / SPAN_S * lane.width()
            x1 = lane.left() + (end - start) / SPAN_S * lane.width()
            high = lane.height() * (1.0 if agreed else 0.45)
            ink = QColor(AGREE if agreed else DISAGREE)
            painter.fillRect(QRectF(x0, lane.bottom() - high, max(1.0, x1 - x0), high), ink)
        if self._lit_s > start and self.light.active:
            x = round(lane.left() + (self._lit_s - start) / SPAN_S * lane.width())
            painter.fillRect(QRectF(x - 1, lane.top() - 4, 2, lane.height() + 6), QColor(theme.TEXT))

    def figures(self) -> list[tuple[str, str, str]]:
        """Return ``(caption, words, colour)`` of agreement, confidence drop, time since they agreed, and share."""
        agreed, drop, since, share = self.agreed, self.drop, self.since_s, self.share
        if agreed is None:
            return [(caption, "–", theme.DIM) for caption in _CAPTIONS]
        last = "never yet" if since is None else "now" if agreed else f"{since:.1f} s ago"
        assert drop is not None
        points = -round(100 * drop)
        unit = "point" if abs(points) == 1 else "points"
        change = f"{points:+d} {unit}".replace("-", "−") if points else "unchanged"
        assert self.result is not None
        answer = EMOTIONS[int(self.result.prediction.probabilities.argmax())]
        return [
            (_CAPTIONS[0], "yes" if agreed else "no", AGREE if agreed else DISAGREE),
            (f"{_CAPTIONS[1]} in {answer}", change, theme.TEXT),
            (_CAPTIONS[2], last, theme.TEXT if agreed else DISAGREE),
            (_CAPTIONS[3], "–" if share is None else percent(share), theme.TEXT),
        ]


_CAPTIONS = ("same answer", "confidence", "last agreed", "agreed in this light")


def _runs(judged: Sequence[tuple[float, bool]]) -> list[tuple[float, float, bool]]:
    """Join neighbours of the same verdict into ``(begin s, end s, agreed)``."""
    runs: list[tuple[float, float, bool]] = []
    for at, agreed in judged:
        if runs:
            runs[-1] = (runs[-1][0], at, runs[-1][2])
        if not runs or runs[-1][2] != agreed:
            runs.append((at, at, agreed))
    return runs
