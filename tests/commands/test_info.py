"""What ``mcoe info`` tells of weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcoe.commands import info
from mcoe.core.errors import McoeError
from mcoe.model.config import ModelConfig
from mcoe.model.network import MCOENet
from mcoe.model.weights import save_weights


def test_info_tells_the_facts_of_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "w.safetensors"
    net = MCOENet(ModelConfig(size=32, d=16, heads=2, d_state=4, focal_width=8, deep_layers=1))
    save_weights(path, net, {"training": {"stride": 5}, "validation": {"epoch": 6}, "data": {"synth": {"seed": 3}}})
    assert info.main(["--weights", str(path)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for words in ("2 voxel grids of 32×32", "trained on virtual eyes", "epoch kept 7", "5 frames apart", "data seed 3",
                  "accuracy not measured"):  # fmt: skip
        assert words in said
    with pytest.raises(McoeError, match="does not exist"):
        info.main(["--weights", str(tmp_path / "none.safetensors")])
