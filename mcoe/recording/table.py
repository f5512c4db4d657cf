"""The table of predictions, one row per window: the same columns from a recording, a headless run and every export.

================  =======  ====  ================================================================================
column            dtype    unit  meaning
================  =======  ====  ================================================================================
index             int64          window along the stream, from 0 after a start, seek or loop
epoch             int64          counts seeks and loops, from 0
time_us           int64    µs    end of the window, stream time
older_time_us     int64    µs    end of the older window of its pair, stream time
events            int64          events in the window, over the whole sensor
emotion           string         the emotion of the largest probability
happy … neutral   float64        probability of each emotion, 0..1, a column each
alpha             float64        mean over tokens of the gate (Eq. 8), 0..1, 1 = the events' content
gate_0 … gate_7   float64        router's softmax before top-k, 0..1, a column per expert
chosen            string         experts that answered, best first, space between
weights           string         their weights, which sum to 1, space between
roi_x             int64    px    left edge of the square the network saw, sensor pixels
roi_y             int64    px    its top edge
roi_side          int64    px    its side
mirror            int64          1 where the network saw it mirrored (a left eye), else 0
latency_ms        float64  ms    from the window's last packet, or when it was due, to its prediction; empty if unpaced
================  =======  ====  ================================================================================

In CSV, floats are written in full, so that equal files mean equal predictions. ``latency_ms`` is the one column that
is measured and not computed: a headless run, which does not keep the recording's pace, leaves it empty and so writes
the same bytes each time. ``docs/table.md`` says the same for those who read tables, not code.
"""

from __future__ import annotations

import csv
import importlib
import importlib.util
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mcoe.core.errors import McoeError
from mcoe.core.files import replacing, write_text
from mcoe.core.words import EMOTIONS
from mcoe.results import Result

DType = Literal["int64", "float64", "string"]
#: A value of a row; None where it was not measured.
Value = int | float | str | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, type, unit (empty for none) and meaning."""

    name: str
    dtype: DType
    unit: str
    meaning: str


def columns(experts: int) -> tuple[Column, ...]:
    """Return the table's columns for a network of ``experts`` experts, in order."""
    return (
        Column("index", "int64", "", "window along the stream, from 0 after a start, seek or loop"),
        Column("epoch", "int64", "", "counts seeks and loops, from 0"),
        Column("time_us", "int64", "µs", "end of the window, stream time"),
        Column("older_time_us", "int64", "µs", "end of the older window of its pair, stream time"),
        Column("events", "int64", "", "events in the window, over the whole sensor"),
        Column("emotion", "string", "", "the emotion of the largest probability"),
        *(Column(name, "float64", "", f"probability of {name}, 0..1") for name in EMOTIONS),
        Column("alpha", "float64", "", "mean over tokens of the gate (Eq. 8), 0..1, 1 = the events' content"),
        *(Column(f"gate_{i}", "float64", "", f"router's softmax of expert {i}, 0..1") for i in range(experts)),
        Column("chosen", "string", "", "experts that answered, best first, space between"),
        Column("weights", "string", "", "their weights, which sum to 1, space between"),
        Column("roi_x", "int64", "px", "left edge of the square the network saw, sensor pixels"),
        Column("roi_y", "int64", "px", "its top edge"),
        Column("roi_side", "int64", "px", "its side"),
        Column("mirror", "int64", "", "1 where the network saw it mirrored (a left eye), else 0"),
        Column("latency_ms", "float64", "ms", "from the window's last packet, or when it was due, to its prediction"),
    )


def header(experts: int) -> list[str]:
    """Return the columns' names."""
    return [column.name for column in columns(experts)]


def row(result: Result, *, latency: bool = True) -> list[Value]:
    """Return one result's values, in the order of :func:`columns`; ``latency=False`` leaves what it cost empty."""
    window, said = result.window, result.prediction
    return [
        window.index,
        window.epoch,
        window.t1_us,
        result.older.t1_us,
        len(window.events),
        EMOTIONS[int(said.probabilities.argmax())],
        *map(float, said.probabilities),
        float(said.alpha.mean()),
        *map(float, said.gates),
        " ".join(map(str, said.chosen)),
        " ".join(repr(float(w)) for w in said.weights),
        *window.roi,
        int(window.mirror),
        result.stage_ms.get("latency") if latency else None,
    ]


def csv_lines(results: Iterable[Result], *, head: bool, latency: bool = True) -> str:
    """Return a line of CSV per result, below the columns' names where ``head`` says so and there is a result."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    for result in results:
        if head:
            out.writerow(header(len(result.prediction.gates)))
            head = False
        out.writerow(row(result, latency=latency))
    return text.getvalue()


def table(results: Iterable[Result]) -> dict[str, NDArray[Any]]:
    """Return the table as one array per column, ``(N,)``, as pandas and pyarrow take it.

    Strings are NumPy's; a latency that was not measured is NaN. Without results the columns are empty, and there are
    none for experts.
    """
    rows, experts = [], 0
    for result in results:  # the rows alone are kept: results hold pictures
        rows.append(row(result))
        experts = len(result.prediction.gates)
    named = columns(experts)
    values = zip(*rows, strict=True) if rows else ((),) * len(named)
    dtypes = {"int64": np.int64, "float64": np.float64, "string": np.str_}
    return {column.name: np.array(list(each), dtypes[column.dtype]) for column, each in zip(named, values, strict=True)}


def save_table(results: Sequence[Result], path: str | os.PathLike[str]) -> None:
    """Write a row per result: Parquet by that extension, else CSV. ``path`` is replaced once all is written.

    Raises:
        McoeError: there is nothing to write, ``path`` cannot be written, or Parquet is asked for without pyarrow.
    """
    if not results:
        raise McoeError("Nothing has been predicted yet; let the recording play first.")
    path = Path(path)
    parquet = _pyarrow_parquet() if path.suffix.lower() == ".parquet" else None
    try:
        if parquet is None:
            write_text(path, csv_lines(results, head=True))
        else:
            with replacing(path) as file:
                parquet.write_table(_arrow(results), file)
    except OSError as error:
        raise McoeError(f"Cannot write {path}: {error.strerror or error}; choose another file.") from error


def has_parquet() -> bool:
    """Return whether Parquet can be written here."""
    return importlib.util.find_spec("pyarrow") is not None


def _arrow(results: Sequence[Result]) -> Any:
    arrow = importlib.import_module("pyarrow")
    schema = arrow.schema([(c.name, getattr(arrow, c.dtype)()) for c in columns(len(results[0].prediction.gates))])
    return arrow.table([list(values) for values in zip(*map(row, results), strict=True)], schema=schema)


def _pyarrow_parquet() -> Any:
    try:
        return importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise McoeError("Parquet needs pyarrow; install it with: pip install pyarrow; or save CSV.") from error
