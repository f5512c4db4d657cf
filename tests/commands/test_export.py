"""Export through its command."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcoe.commands import export
from mcoe.core.errors import McoeError
from mcoe.model.weights import read_metadata


def test_export_measures_what_int8_costs(data: Path, trained: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "small.safetensors"
    words = ["--weights", str(trained / "best.safetensors"), "--out", str(out), "--data", str(data)]
    assert export.main(words) == 0
    metadata = read_metadata(out)
    assert metadata["storage"] == "int8"
    assert metadata["training"]["epochs"] == 10
    assert 0 <= metadata["scores"]["values"]["WAR"] <= 1
    assert metadata["scores"]["measured_on"] == {"subset": "testing", "subjects": 1, "origin": "test"}
    assert 0 <= metadata["scores"]["per_window"]["values"]["WAR"] <= 1
    assert "WAR lost" in capsys.readouterr().out
    with pytest.raises(McoeError, match="would be lost"):
        export.main([*words[:2], "--out", words[1]])
