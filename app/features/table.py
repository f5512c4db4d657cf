"""Features that are wired to the window from outside: each is a function that takes the window once, at its start.

A feature adds its panels with ``window.add_panel``, its actions with ``window.menus.add``, and follows
``window.pipeline_changed`` and ``window.result_shown``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..dialogs.expert_map import ExpertMap
from .bundled import BundledRecordings
from .cameras import Cameras
from .comparison import Comparison
from .exports import Exports
from .eye import Eye
from .labels import Labels
from .laboratory import Laboratory
from .memory import Memory
from .preferences import Preferences
from .sessions import Sessions
from .weights import WeightsInfo

if TYPE_CHECKING:
    from ..shell.window import MainWindow

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
