"""Ablations through their command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcoe.commands import ablate, evaluate
from mcoe.core.errors import McoeError
from mcoe.model.config import ABLATIONS, ModelConfig
from mcoe.train.options import build_config
from tests.sets import SHORT, TINY


def test_masking_the_only_stream_is_refused(data: Path, tmp_path: Path) -> None:
    common = ["--data", str(data), "--runs", str(tmp_path), "--epochs", "1", *SHORT, "--config", *TINY]
    assert ablate.main(["2.A", *common]) == 0
    rows = json.loads((tmp_path / "table.json").read_text())
    assert [r["title"] for r in rows] == ["2.A RGB only"]
    assert rows[0]["sequences"] == 6
    with pytest.raises(McoeError, match="reads nothing but the rgb stream"):
        words = ["--weights", str(tmp_path / "2.A" / "best.safetensors"), "--data", str(data), "--mask", "rgb"]
        evaluate.main(words)


def test_ablation_rows_and_tables_expand() -> None:
    assert ablate.expand(["6", "2.A", "6.B"]) == ["6.A", "6.B", "6.C", "6.D", "2.A"]
    with pytest.raises(McoeError, match=r"no ablation '3'"):
        ablate.expand(["3"])


def test_a_new_row_is_all_that_an_ablation_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ABLATIONS, "9.A", ModelConfig(top_k=4))
    assert ablate.expand(["9"]) == ["9.A"]
    assert build_config([], "9.A").top_k == 4
    with pytest.raises(McoeError, match=r"tables 2, 5, 6, 7, 8, 9 or .*9\.A"):
        ablate.expand(["3"])
