"""Weights come back as they went, small ones nearly so, and a file that does not fit is refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from mcoe.core.errors import McoeError
from mcoe.model.network import MCOENet
from mcoe.model.weights import load_weights, read_metadata, save_weights
from mcoe.train.options import build_config
from tests.sets import TINY


@pytest.fixture(scope="module")
def net() -> MCOENet:
    torch.manual_seed(0)
    return MCOENet(build_config([*TINY, "rgb_mean=[0.2,0.2,0.2]", "event_std=0.3"])).eval()


def logits(net: MCOENet) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    rgb, event = torch.rand(2, 2, 3, 32, 32, generator=generator), torch.randn(2, 2, 3, 32, 32, generator=generator)
    with torch.no_grad():
        return net(rgb, event).logits


def rewrite(path: Path, **changes: object) -> None:
    with safe_open(path, "pt") as file:
        head = json.loads(file.metadata()["mcoe"])
    save_file(load_file(path), path, {"mcoe": json.dumps({**head, **changes})})


def test_full_precision_comes_back_exactly(net: MCOENet, tmp_path: Path) -> None:
    save_weights(tmp_path / "w.safetensors", net, {"commit": "abc", "scores": {"WAR": 0.9}})
    back, metadata = load_weights(tmp_path / "w.safetensors")
    assert back.config == net.config
    assert not back.training
    assert torch.equal(logits(back), logits(net))
    assert (metadata["commit"], metadata["scores"], metadata["classes"][0]) == ("abc", {"WAR": 0.9}, "happy")
    assert read_metadata(tmp_path / "w.safetensors") == metadata


@pytest.mark.parametrize(("storage", "share", "error"), [("fp16", 0.51, 6e-4), ("int8", 0.26, 0.006)])
def test_small_storage_is_small_and_near(net: MCOENet, tmp_path: Path, storage, share: float, error: float) -> None:
    whole = save_weights(tmp_path / "w.safetensors", net, {})
    size = save_weights(tmp_path / "s.safetensors", net, {}, storage)
    assert size == (tmp_path / "s.safetensors").stat().st_size
    assert size < share * whole
    back, _ = load_weights(tmp_path / "s.safetensors")
    for (name, ours), theirs in zip(net.state_dict().items(), back.state_dict().values(), strict=True):
        assert ours.dtype == theirs.dtype
        # Half of 1/127 of a channel's largest weight is int8's worst case; half precision keeps 11 bits.
        assert (ours - theirs).abs().max() <= error * ours.abs().max() + 1e-12, name
    np.testing.assert_allclose(logits(back), logits(net), atol=0.05)


def test_every_output_channel_has_its_own_scale(tmp_path: Path, net: MCOENet) -> None:
    import copy

    scaled = copy.deepcopy(net)
    weight = scaled.backbone("rgb").layer4[0].conv1.weight
    stacked = next(p for n, p in scaled.named_parameters() if n.endswith("layer4.0.conv2.weight"))
    with torch.no_grad():
        weight[0] *= 1e-3
        stacked[:, 0] *= 1e-3
    save_weights(tmp_path / "w.safetensors", scaled, {}, "int8")
    back, _ = load_weights(tmp_path / "w.safetensors")
    ours, theirs = weight[0], back.backbone("rgb").layer4[0].conv1.weight[0]
    assert ((ours - theirs).abs() <= ours.abs().max() / 127).all()


def test_files_that_do_not_fit_are_refused_in_one_sentence(net: MCOENet, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"

    def refused(match: str) -> None:
        with pytest.raises(McoeError, match=match) as error:
            load_weights(path)
        assert str(path) in str(error.value)
        assert "\n" not in str(error.value)

    refused("does not exist")
    path.write_bytes(b"\x80\x04pickle?")
    refused("is a pickle")
    torch.save({"a": torch.zeros(3)}, path)
    refused("is a pickle")
    path.write_bytes(b"")
    refused("damaged")
    path.write_bytes(b"these are no weights at all")
    refused("damaged")
    save_file({"a": torch.zeros(1)}, path)
    refused("no MCO-E weights")
    save_weights(path, net, {})
    rewrite(path, config={**net.config.to_dict(), "d": 32})
    refused("do not fit their config")
    rewrite(path, config={**net.config.to_dict(), "d": 1 << 40})
    refused("do not fit their config|no network can be built")
    rewrite(path, config={**net.config.to_dict(), "d": 1 << 62})
    refused("no network can be built")
    rewrite(path, config={**net.config.to_dict(), "depth": 3})
    refused("does not fit this program")
    rewrite(path, config={**net.config.to_dict(), "rgb_mean": [0.5], "rgb_std": [0.5]})
    refused("each of 3 channels")
    for nonsense in (None, 7, "d=16", [1, 2]):
        rewrite(path, config=nonsense)
        refused("does not fit this program")
    rewrite(path, classes=["glad", "cross"])
    refused("other emotions")
    save_weights(path, net, {})
    path.write_bytes(path.read_bytes()[:100_000])
    refused("damaged")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda t: t.pop("head.position"), "first 'head.position'"),
        (lambda t: t.update(extra=torch.zeros(2)), "first 'extra'"),
        (lambda t: t["head.position"].view(-1)[:1].fill_(float("nan")), "no finite numbers, first in 'head.position'"),
        (lambda t: t["head.position"].view(-1)[:1].fill_(float("inf")), "no finite numbers"),
        (lambda t: t.update({"head.position": t["head.position"].to(torch.int8)}), "first 'head.position'"),
        (lambda t: t.update({"head.position.scale": torch.ones(5, 7, 9, 11, 13, 2)}), "damaged"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(net: MCOENet, tmp_path: Path, change, match: str) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, net, {})
    with safe_open(path, "pt") as file:
        head = file.metadata()
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, head)
    with pytest.raises(McoeError, match=match) as error:
        load_weights(path)
    assert "\n" not in str(error.value)
