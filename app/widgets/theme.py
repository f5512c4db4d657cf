"""The one dark theme: palette, colour maps, type scale, style sheet.

Every family of colours (ON/OFF, RGB/event, expert kinds, emotions) is chosen so that its members stay apart for
protan, deutan and tritan viewers; a test checks it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor

from mcoe.core.words import EMOTIONS

BACKGROUND = "#0E1116"
PANEL = "#161B22"
RAISED = "#222A35"
LINE = "#303A47"
TEXT = "#E6EAF0"
DIM = "#9FAAB9"
ACCENT = "#C9D6E6"
WARNING = "#FFC46B"
FAILURE = "#FF8A80"
CANVAS = "#0A0D11"

#: Event polarity.
ON, OFF = "#FF9E4A", "#4AA8FF"
#: Modality.
RGB, EVENT = "#F4D35E", "#B497FF"
#: A difference between two emotions: what speaks for the first, and for the second.
FOR, AGAINST = "#FF8A5C", "#2FC9BE"
#: Expert kinds, with a mark each, so that colour is never the only cue.
KIND_COLOURS = {"focal": "#45D4E0", "attention": "#F2558C", "deep": "#D8E26B"}
KIND_MARKS = {"focal": "circle", "attention": "cross", "deep": "diamond"}
EMOTION_COLOURS = dict(
    zip(
        EMOTIONS,
        ("#FFE95C", "#5B86FF", "#F0603F", "#22A565", "#FFAE3B", "#DB93DD", "#BAC4D1"),
        strict=True,
    )
)
#: Dash patterns, on and off in ticks of 33 ms; empty is solid. Hues that a viewer may confuse get different ones.
EMOTION_DASHES: dict[str, tuple[int, ...]] = dict(
    zip(EMOTIONS, ((), (14, 3), (), (6, 3), (18, 3, 3, 3), (10, 4), (3, 3)), strict=True)
)

FONTS = ("Inter", "Noto Sans", "Segoe UI", "Helvetica Neue", "DejaVu Sans")


def rgb(colour: str) -> tuple[int, int, int]:
    """Return ``#rrggbb`` as three bytes."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def mix(a: str, b: str, share: float) -> QColor:
    """Return ``a`` with ``share`` (0..1) of ``b`` in it."""
    return QColor(*(round(x + (y - x) * share) for x, y in zip(rgb(a), rgb(b), strict=True)))


def _diverging(low: str, high: str, middle: str = CANVAS) -> NDArray[np.uint8]:
    ends = [np.array(rgb(c), float) for c in (low, middle, high)]
    below = np.linspace(ends[0], ends[1], 128)
    above = np.linspace(ends[1], ends[2], 129)[1:]
    return np.vstack([below, above]).round().astype(np.uint8)


def _inferno() -> NDArray[np.uint8]:
    table = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_INFERNO)
    return np.ascontiguousarray(table[:, 0, ::-1]).astype(np.uint8)


#: Look-up tables, ``(256, 3)`` uint8 RGB. Inferno is perceptually uniform; the others are dark at zero.
HEAT_MAP = _inferno()
DIFFERENCE_MAP = _diverging(AGAINST, FOR)
POLARITY_MAP = _diverging(OFF, ON)
BALANCE_MAP = _diverging(EVENT, RGB, "#2A2F3A")


def font_px(window_height: int) -> int:
    """Return the base font size for a window of this height: larger windows read larger, not just wider."""
    return min(40, max(11, round(12.5 * window_height / 800)))


def style_sheet(px: int) -> str:
    """Return the application's style sheet for a base font of ``px`` pixels."""
    small, pad, radius = round(px * 0.86), round(px * 0.35), round(px * 0.45)
    groove = 2 * max(2, px // 6)
    knob = groove + 2 * round(px * 0.36)
    families = ", ".join(f'"{name}"' for name in FONTS)
    return f"""
    * {{ font-family: {families}; font-size: {px}px; color: {TEXT}; }}
    QMainWindow, QDialog, QWidget#central {{ background: {BACKGROUND}; }}
    QFrame#panel {{ background: {PANEL}; border: 1px solid {LINE}; border-radius: {radius}px; }}
    QFrame#panelHead {{ background: {PANEL}; border: none; }}
    QDockWidget > QFrame#panelHead {{ border: 1px solid {LINE}; border-bottom: none;
        border-top-left-radius: {radius}px; border-top-right-radius: {radius}px; }}
    QDockWidget > QFrame#panel {{ border-top: none; border-top-left-radius: 0; border-top-right-radius: 0; }}
    QMainWindow::separator {{ background: {BACKGROUND}; width: 8px; height: 8px; }}
    QMainWindow::separator:hover {{ background: {RAISED}; }}
    QTabBar {{ background: {BACKGROUND}; }}
    QTabBar::tab {{ background: {BACKGROUND}; color: {DIM}; border: 1px solid {LINE}; padding: {pad}px {px}px; }}
    QTabBar::tab:selected {{ background: {PANEL}; color: {TEXT}; }}
    QLabel#panelTitle {{ font-weight: 600; min-height: {round(px * 1.5)}px; background: transparent; }}
    QLabel#panelNote, QLabel#caption {{ color: {DIM}; font-size: {small}px; background: transparent; }}
    QLabel#value {{ background: transparent; }}
    QLabel#value[alert="true"] {{ color: {WARNING}; }}
    QFrame#bar {{ background: {PANEL}; border: 1px solid {LINE}; border-radius: {radius}px; }}
    QLabel#plain, QWidget#plain {{ background: transparent; }}
    QLabel#headline {{ background: transparent; padding: {pad + 2}px 2px {pad}px 0; }}
    QMenuBar {{ background: {BACKGROUND}; padding: 2px; }}
    QMenuBar::item {{ background: transparent; padding: {pad}px {px}px; border-radius: {radius}px; }}
    QMenuBar::item:selected, QMenu::item:selected {{ background: {RAISED}; }}
    QMenu {{ background: {PANEL}; border: 1px solid {LINE}; padding: {pad}px; }}
    QMenu::item {{ padding: {pad}px {2 * px}px; border-radius: {radius}px; }}
    QMenu::item:disabled {{ color: {DIM}; }}
    QMenu::separator {{ height: 1px; background: {LINE}; margin: {pad}px; }}
    QToolTip {{ background: {RAISED}; color: {TEXT}; border: 1px solid {LINE}; padding: {pad}px; }}
    QPushButton, QToolButton, QComboBox {{ background: {RAISED}; border: 1px solid {LINE};
        border-radius: {radius}px; padding: {pad}px {px}px; }}
    QToolButton {{ padding: {pad}px {pad}px; }}
    QPushButton:hover, QToolButton:hover, QComboBox:hover {{ border-color: {DIM}; }}
    QPushButton:focus, QToolButton:focus, QComboBox:focus {{ border-color: {ACCENT}; }}
    QPushButton:disabled, QToolButton:disabled, QComboBox:disabled {{ color: {DIM}; background: {PANEL}; }}
    QPushButton:checked {{ background: {mix(RAISED, ACCENT, 0.3).name()}; border-color: {ACCENT}; }}
    QListWidget {{ background: {PANEL}; border: 1px solid {LINE}; border-radius: {radius}px; outline: none;
        padding: {pad}px; }}
    QListWidget::item {{ border-radius: {radius}px; padding: {pad}px; }}
    QListWidget::item:selected {{ background: {RAISED}; color: {TEXT}; }}
    QProgressBar {{ background: {RAISED}; border: none; border-radius: {groove // 2}px; max-height: {groove}px; }}
    QProgressBar::chunk {{ background: {ACCENT}; border-radius: {groove // 2}px; }}
    QLabel#notice {{ background: {RAISED}; border: 1px solid {LINE}; border-radius: {radius}px;
        padding: {pad}px {px}px; }}
    QLabel#notice[bad="true"] {{ border-color: {FAILURE}; }}
    QPushButton#primary {{ background: {ACCENT}; color: {BACKGROUND}; font-weight: 600; }}
    QPushButton#primary:disabled {{ background: {PANEL}; color: {DIM}; }}
    QLineEdit {{ background: {CANVAS}; border: 1px solid {LINE}; border-radius: {radius}px; padding: {pad}px {px}px;
        selection-background-color: {RAISED}; }}
    QLineEdit:focus {{ border-color: {ACCENT}; }}
    QScrollBar:vertical {{ background: transparent; width: {px}px; }}
    QScrollBar::handle:vertical {{ background: {RAISED}; border-radius: {px // 2}px; min-height: {2 * px}px; }}
    QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {{ background: none;
        height: 0; }}
    QPushButton#compact {{ font-size: {small}px; padding: 0 {pad * 2}px; max-height: {round(px * 1.5)}px; }}
    QComboBox#compact {{ font-size: {small}px; padding: 0 {pad}px; max-height: {round(px * 1.5)}px; }}
    QToolButton#compact {{ font-size: {small}px; padding: 0 {pad}px; max-height: {round(px * 1.5)}px; }}
    QToolButton#compact:checked {{ background: {mix(RAISED, ACCENT, 0.35).name()}; border-color: {DIM}; }}
    QComboBox::drop-down {{ border: none; width: {round(px * 1.4)}px; }}
    QComboBox QAbstractItemView {{ background: {PANEL}; border: 1px solid {LINE};
        selection-background-color: {RAISED}; selection-color: {TEXT}; outline: none; }}
    QSlider {{ background: transparent; min-height: {knob + 4}px; }}
    QSlider::groove:horizontal {{ height: {groove}px; background: {RAISED}; border-radius: {groove // 2}px; }}
    QSlider::sub-page:horizontal {{ background: {mix(RAISED, ACCENT, 0.55).name()}; border-radius: {groove // 2}px; }}
    QSlider::handle:horizontal {{ width: {knob}px; margin: -{(knob - groove) // 2}px 0;
        border-radius: {knob // 2}px; background: {ACCENT}; }}
    QSlider::handle:horizontal:disabled, QSlider::sub-page:horizontal:disabled {{ background: {RAISED}; }}
    QWidget#veil {{ background: rgba(14, 17, 22, 205); }}
    QFrame#card {{ background: {PANEL}; border: 1px solid {LINE}; border-radius: {2 * radius}px; }}
    QLabel#keyCap {{ background: {RAISED}; border: 1px solid {LINE}; border-radius: {radius}px;
        padding: 1px {pad + 2}px; font-size: {small}px; }}
    QLabel#cardTitle {{ font-size: {round(px * 1.5)}px; font-weight: 600; background: transparent; }}
    QLabel#cardText {{ color: {DIM}; font-size: {round(px * 1.08)}px; background: transparent; }}
    """
