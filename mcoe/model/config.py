"""Everything that shapes the network, in one frozen dataclass; every ablation of the paper is a value of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

#: Class order of every output, file and plot.
EMOTIONS = ("happy", "sad", "angry", "disgust", "surprise", "fear", "neutral")
