"""A headless run writes the same bytes each time, and its file only when it is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcoe.core.errors import McoeError
from mcoe.core.timing import STRIDE
from mcoe.live.jobs.headless import run_headless
from mcoe.recording.table import header
from tests.live.fakes import FakeEngine, FakeSource


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    outs = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for out in outs:
        assert run_headless(FakeSource, FakeEngine, out, STRIDE).results == 30
    assert outs[0].read_bytes() == outs[1].read_bytes()
    lines = outs[0].read_text().splitlines()
    assert lines[0] == ",".join(header(8))
    assert len(lines) == 31
    assert all(line.endswith(",0,") for line in lines[1:]), "no latency: nothing kept the pace"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (FakeSource(fail_at=60), "unplugged"),
        (FakeSource([]), "no window"),
        (FakeSource(live=True), "replay the file"),
    ],
)
def test_a_run_that_failed_leaves_the_older_table(tmp_path: Path, source: FakeSource, words: str) -> None:
    out = tmp_path / "a.csv"
    out.write_text("older")
    with pytest.raises(McoeError, match=words):
        run_headless(lambda: source, FakeEngine, out, STRIDE)
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]
    assert out.read_text() == "older"
