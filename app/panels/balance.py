"""α: how much each modality contributes to the fusion."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF

from app import theme
from app.painting import (
    CENTRE,
    LEFT,
    RIGHT,
    Painter,
    block,
    coloured,
    draw_image,
    fitted,
    frame,
    line_height,
    percent,
    pixels,
    placeholder,
    resized,
    text,
)
from app.panels.base import Panel
from mcoe.capture.source import SourceInfo
from mcoe.live.result import EngineInfo

#: Distance of α from 0.5 that gets full colour: the maps are about which token leans where.
FULL = 0.25


class BalancePanel(Panel):
    """A split bar for the mean of α, and α per token over the eye for both frames."""

    title = "Modality balance α"
    sentence = "MCIB's α (Eq. 8): the share of RGB against events in the fused tokens, on average and per 4×4 token."

    def __init__(self) -> None:
        super().__init__()
        self.set_context(None, None)

    def set_context(self, source: SourceInfo | None, engine: EngineInfo | None) -> None:
        super().set_context(source, engine)
        if source is not None and not (source.has_frames and source.has_events):
            missing = "events" if source.has_frames else "frames"
            self.note.setText(f"no {missing}: a learned stand-in takes their place")
        else:
            self.note.setText(f"maps: full colour at {percent(0.5 - FULL)} and {percent(0.5 + FULL)}")

    def draw(self, painter: Painter, rect: QRectF) -> None:
        alpha = self.result.prediction.alpha if self.result else None
        line = line_height(painter)
        small = line_height(painter, 0.86)
        words = QRectF(rect.left(), rect.top(), rect.width(), line)
        bar = QRectF(rect.left(), words.bottom() + 3, rect.width(), line * 0.75)
        block(painter, bar, theme.RAISED, 3)
        if alpha is None:
            text(painter, words, "RGB", LEFT, theme.RGB, bold=True)
            text(painter, words, "events", RIGHT, theme.EVENT, bold=True)
        else:
            self._bar(painter, words, bar, float(np.mean(alpha)))
        maps = QRectF(rect.left(), bar.bottom() + 8, rect.width(), rect.bottom() - bar.bottom() - 8)
        self._maps(painter, maps, alpha_maps(alpha), small)

    def _bar(self, painter: Painter, words: QRectF, bar: QRectF, mean: float) -> None:
        split = bar.left() + bar.width() * mean
        block(painter, QRectF(bar.left(), bar.top(), split - bar.left() - 1, bar.height()), theme.RGB, 2)
        block(painter, QRectF(split + 1, bar.top(), bar.right() - split - 1, bar.height()), theme.EVENT, 2)
        middle = bar.center().x()
        block(painter, QRectF(middle - 1, bar.top() - 3, 2, bar.height() + 6), theme.TEXT, 0)
        text(painter, words, f"RGB {percent(mean)}", LEFT, theme.RGB, bold=True)
        text(painter, words, f"events {percent(1 - mean)}", RIGHT, theme.EVENT, bold=True)

    def _maps(self, painter: Painter, rect: QRectF, maps: np.ndarray | None, small: float) -> None:
        side = int(min(rect.height() - small - 2, (rect.width() - 12) / 2))
        left = rect.left() + (rect.width() - 2 * side - 12) / 2
        for index, name in enumerate(("earlier", "now")):
            place = fitted(QRectF(left + index * (side + 12), rect.top(), side, side), 1.0)
            if maps is None:
                placeholder(painter, place, "")
            else:
                levels = np.clip(127.5 + (maps[index] - 0.5) * (127.5 / FULL), 0, 255).astype(np.uint8)
                draw_image(
                    painter, place, coloured(resized(levels, pixels(painter, place), smooth=False), theme.BALANCE_MAP)
                )
            frame(painter, place)
            below = QRectF(place.x(), place.bottom() + 2, side, small)
            text(painter, below, name, CENTRE, theme.DIM, 0.86)


def alpha_maps(alpha: np.ndarray | None, frames: int = 2) -> np.ndarray | None:
    """Return α ``(M,)`` as ``(frames, h, w)`` maps, older frame first; pooled tokens (M = m) give 1×1 maps."""
    if alpha is None:
        return None
    side = round((len(alpha) / frames) ** 0.5)
    return np.asarray(alpha).reshape(frames, side, side)
