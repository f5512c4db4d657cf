"""The table of predictions: one row per window."""

from __future__ import annotations

import csv
import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mcoe.core.errors import McoeError
from mcoe.core.words import EMOTIONS
from mcoe.results import Result

_TEXT = ("emotion", "chosen", "weights")
_WHOLE = ("index", "time_us", "older_time_us", "events")


def header(experts: int) -> list[str]:
    """Return the CSV's column names; times are µs of the recording, ``alpha`` the mean over tokens (1 = RGB)."""
    return [
        "index",
        "time_us",
        "older_time_us",
        "events",
        "emotion",
        *EMOTIONS,
        "alpha",
        *(f"gate_{i}" for i in range(experts)),
        "chosen",
        "weights",
    ]


def row(result: Result) -> list[object]:
    """Return one result's CSV values; floats are written in full, so that equal files mean equal predictions."""
    window, said = result.window, result.prediction
    return [
        window.index,
        window.t1_us,
        result.older.t1_us,
        len(window.events),
        EMOTIONS[int(said.probabilities.argmax())],
        *(repr(float(p)) for p in said.probabilities),
        repr(float(said.alpha.mean())),
        *(repr(float(g)) for g in said.gates),
        " ".join(str(i) for i in said.chosen),
        " ".join(repr(float(w)) for w in said.weights),
    ]


def save_table(results: Sequence[Result], path: Path) -> None:
    """Write a row per result, with the columns of :mod:`mcoe.live.jobs.headless`: Parquet by that extension, else CSV.

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
