"""What was predicted since a source was opened, without its pictures, and its tables."""

from __future__ import annotations

import csv
import importlib
import importlib.util
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mcoe.errors import McoeError
from mcoe.events.packets import EVENT_DTYPE
from mcoe.live.headless import header, row
from mcoe.live.result import Result, Window

#: Results kept: an hour at 30 Hz, about 100 MB.
MOST = 108_000
_TEXT = ("emotion", "chosen", "weights")
_WHOLE = ("index", "time_us", "older_time_us", "events")


class SessionLog:
    """Keeps the newest results; ``add`` may be called from any thread."""

    def __init__(self, most: int = MOST) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Result] = deque(maxlen=most)

    def add(self, result: Result) -> None:
        """Keep a result: its figures, not its pictures, events and heatmaps."""
        said = replace(result.prediction, cam_rgb=None, cam_event=None)
        small = replace(result, window=_bare(result.window), older=_bare(result.older), prediction=said, stressed=None)
        with self._lock:
            self._kept.append(small)

    def results(self) -> list[Result]:
        """Return what is kept, oldest first."""
        with self._lock:
            return list(self._kept)


def _bare(window: Window) -> Window:
    # A view of one event as long as the window's events: they are still counted, and take no room.
    events = np.broadcast_to(np.zeros((), EVENT_DTYPE), len(window.events))
    return replace(window, frame=None, rgb=None, voxel=None, events=events)


def save_table(results: Sequence[Result], path: Path) -> None:
    """Write a row per result, with the columns of :mod:`mcoe.live.headless`: Parquet by that extension, else CSV.

    Raises:
        McoeError: there is nothing to write, ``path`` cannot be written, or Parquet is asked for without pyarrow.
    """
    if not results:
        raise McoeError("Nothing has been predicted yet; let the recording play first.")
    names = header(len(results[0].prediction.gates))
    parquet = _pyarrow_parquet() if path.suffix.lower() == ".parquet" else None
    try:
        if parquet is None:
            with path.open("w", newline="") as file:
                out = csv.writer(file)
                out.writerow(names)
                out.writerows(map(row, results))
        else:
            columns = zip(*map(row, results), strict=True)
            arrow = importlib.import_module("pyarrow")
            table = arrow.table({name: _typed(name, values) for name, values in zip(names, columns, strict=True)})
            parquet.write_table(table, str(path))
    except OSError as error:
        raise McoeError(f"Cannot write {path}: {error.strerror or error}; choose another file.") from error


def has_parquet() -> bool:
    """Return whether Parquet can be written here."""
    return importlib.util.find_spec("pyarrow") is not None


def _pyarrow_parquet() -> Any:
    try:
        return importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise McoeError("Parquet needs pyarrow; install it with: pip install pyarrow; or save CSV.") from error


def _typed(name: str, values: Sequence[object]) -> list[object]:
    if name in _TEXT:
        return list(values)
    return [int(str(v)) if name in _WHOLE else float(str(v)) for v in values]
