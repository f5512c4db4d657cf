"""MCO-E Net: reads a person's emotion from one eye, from RGB frames and events, and says why.

The front door for scripts and notebooks::

    import mcoe

    net = mcoe.load()
    for result in net.read("recording.aedat4"):
        print(result.window.t1_us, result.prediction.probabilities)

Importing it loads nothing heavy; the network's libraries come with the first name that needs them. Below it the
packages lie on floors, each importing only from those before it: ``core``, ``events``, ``sensor``, ``model``,
``results``, ``explain``, ``capture``, ``recording``, ``data``, ``live``, ``evaluation``, ``train``, ``commands``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcoe.core.errors import McoeError
    from mcoe.core.words import EMOTIONS
    from mcoe.explain.overlay import overlay
    from mcoe.live.library import Network, load, recordings
    from mcoe.recording.table import save_table, table
    from mcoe.results import Prediction, Question, Result, Window

__all__ = [
    "EMOTIONS",
    "McoeError",
    "Network",
    "Prediction",
    "Question",
    "Result",
    "Window",
    "load",
    "overlay",
    "recordings",
    "save_table",
    "table",
]

_PLACES = {
    "EMOTIONS": "mcoe.core.words",
    "McoeError": "mcoe.core.errors",
    "Network": "mcoe.live.library",
    "Prediction": "mcoe.results",
    "Question": "mcoe.results",
    "Result": "mcoe.results",
    "Window": "mcoe.results",
    "load": "mcoe.live.library",
    "overlay": "mcoe.explain.overlay",
    "recordings": "mcoe.live.library",
    "save_table": "mcoe.recording.table",
    "table": "mcoe.recording.table",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'mcoe' has no attribute '{name}'")
    value = globals()[name] = getattr(importlib.import_module(_PLACES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
