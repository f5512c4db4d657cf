"""One table of predictions: documented, typed once, whole or not at all."""

from __future__ import annotations

import csv
import dataclasses
import errno
import os
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from mcoe.core.errors import McoeError
from mcoe.core.words import EMOTIONS
from mcoe.live.jobs.moments import moments
from mcoe.recording import table as table_module
from mcoe.recording.table import columns, csv_lines, header, row, save_table, table
from mcoe.results import Question, Result
from tests.live.fakes import FakeEngine, FakeSource

DOCS = Path(__file__).resolve().parents[2] / "docs" / "table.md"


@pytest.fixture
def results() -> list[Result]:
    engine, out = FakeEngine(), []
    for older, window in moments(FakeSource(), engine.info, stride=12, most=9):
        said, stages = engine.step(older, window, Question())
        out.append(Result(window, older, said, stages | {"latency": 1 / 3 + len(out)}))
    return out


def test_the_page_about_the_table_says_what_the_table_is() -> None:
    lines = [line.strip("|").split("|") for line in DOCS.read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line] for line in lines]
    assert cells[2:] == [[f"`{c.name}`", c.dtype, c.unit, c.meaning] for c in columns(8)]


def test_the_module_says_the_same() -> None:
    told = dict(re.findall(r"^(\S.*?) {2,}(int64|float64|string)\b", table_module.__doc__ or "", re.M))
    grouped = [c for c in columns(8) if c.name not in EMOTIONS and not c.name.startswith("gate_")]
    assert told == {c.name: c.dtype for c in grouped} | {
        f"{EMOTIONS[0]} … {EMOTIONS[-1]}": "float64",
        "gate_0 … gate_7": "float64",
    }


def test_a_row_holds_what_was_said(results: list[Result]) -> None:
    result = results[-1]
    said = dict(zip(header(8), row(result), strict=True))
    assert said["time_us"] == result.window.t1_us
    assert said["older_time_us"] == result.older.t1_us
    assert said["events"] == len(result.window.events)
    assert [said[name] for name in EMOTIONS] == [float(p) for p in result.prediction.probabilities]
    assert (said["roi_x"], said["roi_y"], said["roi_side"]) == result.window.roi
    assert said["mirror"] == 0
    assert said["chosen"] == "0 1"
    assert said["latency_ms"] == result.stage_ms["latency"]
    left = dataclasses.replace(result, window=dataclasses.replace(result.window, mirror=True))
    assert dict(zip(header(8), row(left, latency=False), strict=True)) == said | {"mirror": 1, "latency_ms": None}


def test_csv_and_parquet_hold_the_same_values_with_the_schema_s_types(results: list[Result], tmp_path: Path) -> None:
    results[0].stage_ms.pop("latency")
    save_table(results, tmp_path / "t.csv")
    save_table(results, tmp_path / "t.parquet")
    stored = parquet.read_table(str(tmp_path / "t.parquet"))
    assert [(f.name, f.type) for f in stored.schema] == [(c.name, getattr(pa, c.dtype)()) for c in columns(8)]
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    reading = {"int64": int, "float64": float, "string": str}
    for column in columns(8):
        read = [None if r[column.name] == "" else reading[column.dtype](r[column.name]) for r in rows]
        assert read == stored[column.name].to_pylist()
    assert rows[0]["latency_ms"] == ""
    arrays = table(results)
    assert list(arrays) == header(8)
    for column in columns(8):
        values = arrays[column.name]
        assert values.shape == (len(results),)
        assert values.dtype.kind == {"int64": "i", "float64": "f", "string": "U"}[column.dtype]
        stored_values = [np.nan if v is None else v for v in stored[column.name].to_pylist()]
        np.testing.assert_array_equal(values, stored_values)


def test_lines_can_be_written_one_by_one(results: list[Result]) -> None:
    whole = csv_lines(results, head=True)
    assert whole == "".join(csv_lines([result], head=i == 0) for i, result in enumerate(results))
    assert csv_lines([], head=True) == ""
    assert [line.count(",") for line in whole.splitlines()] == [len(header(8)) - 1] * (len(results) + 1)


def test_without_results_the_columns_are_empty() -> None:
    assert {name: values.shape for name, values in table([]).items()} == {name: (0,) for name in header(0)}
    with pytest.raises(McoeError, match="Nothing has been predicted"):
        save_table([], Path("never.csv"))


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_full_disk_leaves_the_older_table(
    results: list[Result], tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    path.write_text("older")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(McoeError, match=f"Cannot write .*{name}: No space left"):
        save_table(results, path)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert path.read_text() == "older"
