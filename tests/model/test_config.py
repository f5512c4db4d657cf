"""ModelConfig refuses what cannot be built, survives JSON, and names every ablation of the paper."""

import json
from dataclasses import replace

import pytest
import torch

from mcoe.errors import McoeError
from mcoe.model.config import ABLATIONS, EMOTIONS, ModelConfig, interleave
from mcoe.model.head import Head
from mcoe.model.network import MCOENet

ROWS = {"2": "ABCDEFGHI", "5": "ABCD", "6": "ABCD", "7": "ABCDEFGHIJK", "8": "ABCDE"}


def test_ablations_name_every_row_of_the_papers_tables():
    assert list(ABLATIONS) == [f"{table}.{row}" for table, rows in ROWS.items() for row in rows]
    assert all(ABLATIONS[row] == ModelConfig() for row in ("2.I", "5.D", "6.D", "7.K", "8.E"))


@pytest.mark.parametrize("row", list(ABLATIONS))
def test_every_ablation_builds_and_reads_a_batch(row):
    """The head alone, where all ablations but the missing backbones live."""
    config = replace(ABLATIONS[row], size=32)
    head = Head(config).eval()
    with torch.no_grad():
        out = head(torch.rand(2, 2, 512, 1, 1), torch.rand(2, 2, 512, 1, 1))
    assert out.logits.shape == (2, len(EMOTIONS))
    assert out.logits.isfinite().all()
    assert out.gates.shape == (2, config.n_experts)
    assert out.expert_logits.shape == (2, config.n_experts, len(EMOTIONS))
    assert out.chosen.shape == out.weights.shape == (2, config.top_k if config.experts else 0)
    assert out.alpha.shape == (2, config.n_tokens)


def test_ablations_have_the_parts_that_they_say():
    rgb, event = (MCOENet(replace(ABLATIONS[row], size=32)) for row in ("2.A", "2.B"))
    assert rgb.backbone_event is event.backbone_rgb is rgb.head.mcib is None
    x = torch.rand(1, 2, 3, 32, 32)
    torch.testing.assert_close(rgb.eval()(x, None).logits, rgb(x, x).logits)
    torch.testing.assert_close(event.eval()(None, x).logits, event(x, x).logits)
    head = {row: Head(replace(ABLATIONS[row], size=32)) for row in ("2.C", "2.D", "2.E", "2.F", "7.B")}
    assert head["2.C"].mamba is head["2.C"].mcib is head["2.D"].mamba is head["2.E"].mcib is None
    assert head["2.D"].mcib is not None
    assert head["2.E"].mamba is not None
    assert not hasattr(head["2.F"].moe, "router")
    assert not head["7.B"].mamba.mjos.joint


def test_default_is_the_papers():
    c = ModelConfig()
    assert (c.size, c.frames, c.bins, c.n_experts, c.top_k, c.n_tokens) == (100, 2, 3, 8, 2, 32)
    assert [c.experts.count(kind) for kind in ("focal", "attention", "deep")] == [3, 3, 2]
    assert (c.mjos, c.mjos_letters) == ("join", "BC")


def test_json_round_trip():
    config = ModelConfig(size=64, experts=interleave(5), mjos="share", mjos_letters="A", event_std=2.5)
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_weights_of_before_per_frame_normalisation_keep_their_constants():
    old = {k: v for k, v in ModelConfig().to_dict().items() if k not in ("rgb_norm", "event_norm")}
    config = ModelConfig.from_dict(old)
    assert (config.rgb_norm, config.event_norm) == ("fixed", "fixed")
    assert ModelConfig().rgb_norm == "frame"


def test_unknown_key_is_refused():
    with pytest.raises(McoeError, match="'widht' is unknown"):
        ModelConfig.from_dict({"widht": 3})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"d": 0}, "option d is 0"),
        ({"frames": 2.0}, "option frames is 2.0"),
        ({"d": 100, "heads": 8}, "8 heads"),
        ({"tokens": "all"}, "spatial, pooled"),
        ({"mjos_letters": "BB"}, "each once"),
        ({"mjos_letters": "E"}, "each once"),
        ({"experts": ("wide",)}, "focal, attention, deep"),
        ({"top_k": 9}, "9 of 8 experts"),
        ({"dropout": 1.0}, "dropout"),
        ({"event_std": 0.0}, "event_std"),
        ({"rgb_norm": "batch"}, "rgb_norm is 'batch'; give one of fixed, frame"),
    ],
)
def test_what_cannot_be_built_is_refused(change, message):
    with pytest.raises(McoeError, match=message):
        ModelConfig(**change)
