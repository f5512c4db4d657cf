"""Features that are wired to the window from outside: each is a function that takes the window once, at its start.

A feature adds its panels with ``window.add_panel``, its actions with ``window.menus.add``, and follows
``window.pipeline_changed`` and ``window.result_shown``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.bundled import BundledRecordings
from app.cameras import Cameras
from app.comparison import Comparison
from app.expert_map import ExpertMap
from app.exports import Exports
from app.eye import Eye
from app.lab import Laboratory
from app.labels import Labels
from app.memory import Memory
from app.preferences import Preferences
from app.sessions import Sessions
from app.weights import WeightsInfo

if TYPE_CHECKING:
    from app.window import MainWindow

FEATURES: tuple[Callable[[MainWindow], object], ...] = (
    Laboratory,
    BundledRecordings,
    Sessions,
    Labels,
    Eye,
    Cameras,
    Comparison,
    ExpertMap,
    Preferences,
    Memory,
    WeightsInfo,
    Exports,  # after all panels: it gives each its context menu
)
