"""The network as a whole: shapes, backbones, batch invariance, missing modalities, pooled tokens."""

import copy
from dataclasses import replace

import pytest
import torch

from mcoe import info
from mcoe.errors import McoeError
from mcoe.model.config import ModelConfig
from mcoe.model.network import MCOENet
from mcoe.model.resnet import InputNorm, ResNet18

SMALL = ModelConfig(d=32, heads=4, size=64, deep_layers=2, focal_width=8)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return MCOENet(SMALL).eval().requires_grad_(False)


def images(batch, size=64, seed=1):
    g = torch.Generator().manual_seed(seed)
    rgb = torch.rand(batch, 2, 3, size, size, generator=g)
    return rgb, torch.randn(batch, 2, 3, size, size, generator=g)


@pytest.mark.parametrize("size", [32, 64, 100, 113])
def test_map_sizes_are_those_of_the_config(size):
    maps = ResNet18([0.0] * 3, [1.0] * 3).eval()(torch.zeros(1, 3, size, size))
    assert maps.stage4.shape == (1, 512, *[ModelConfig(size=size).grid] * 2)
    assert maps.stage3.shape == (1, 256, *[-(-size // 16)] * 2)


def test_stage4_follows_from_stage3(net):
    maps = net.features("rgb", images(1)[0][0])
    assert torch.equal(net.backbone_rgb.stage4(maps.stage3), maps.stage4)


def test_head_on_features_is_the_whole_network(net):
    rgb, event = images(2)
    maps = [net.features(name, x.flatten(0, 1)).stage4 for name, x in (("rgb", rgb), ("event", event))]
    split = net.head(*(x.view(2, 2, *x.shape[1:]) for x in maps))
    for a, b in zip(split, net(rgb, event), strict=True):
        torch.testing.assert_close(a, b)


def test_normalisation_is_the_configs():
    """Images that the constants undo give the maps of a network with none."""
    config = replace(SMALL, event_std=4.0, rgb_norm="fixed")
    a, b = MCOENet(config).eval(), MCOENet(replace(config, rgb_mean=(0.0,) * 3, rgb_std=(1.0,) * 3, event_std=1.0))
    b.load_state_dict(a.state_dict())
    b.eval()
    rgb, event = images(1)
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in (config.rgb_mean, config.rgb_std))
    torch.testing.assert_close(a(rgb, event).logits, b((rgb - mean) / std, event / 4).logits)


def test_a_sample_does_not_depend_on_its_batch(net):
    rgb, event = images(5)
    rgb_present = torch.tensor([True, True, False, True, False])
    event_present = torch.tensor([True, False, True, True, True])
    together = net(rgb, event, rgb_present, event_present)
    for i in range(5):
        one = slice(i, i + 1)
        alone = net(rgb[one], event[one], rgb_present[one], event_present[one])
        for a, b in zip(together, alone, strict=True):
            torch.testing.assert_close(a[one], b)


def test_masked_modality_is_a_missing_modality(net):
    rgb, event = images(2)
    no = torch.zeros(2, dtype=torch.bool)
    for masked, missing in (
        (net(rgb, event, rgb_present=no), net(None, event)),
        (net(rgb, event, event_present=no), net(rgb, None)),
    ):
        torch.testing.assert_close(masked.logits, missing.logits)
    assert not torch.allclose(net(rgb, event).logits, net(rgb, None).logits)
    with pytest.raises(ValueError, match="no feature maps"):
        net(None, None)


def test_order_of_frames_and_positions_matter(net):
    rgb, event = images(1)
    assert not torch.allclose(net(rgb, event).logits, net(rgb.flip(1), event.flip(1)).logits)
    assert not torch.allclose(net(rgb, event).logits, net(rgb.flip(-1), event.flip(-1)).logits)


@pytest.mark.parametrize("whole", [True, False], ids=["bfloat16 network", "autocast"])
def test_head_runs_in_half_precision(net, whole):
    maps = torch.rand(2, 2, 512, 2, 2, generator=torch.Generator().manual_seed(3))
    want = net.head(maps, maps)
    head = copy.deepcopy(net.head)
    if whole:
        out = head.bfloat16()(maps.bfloat16(), maps.bfloat16())
    else:
        with torch.autocast("cpu", torch.bfloat16):
            out = head(maps, maps)
    torch.testing.assert_close(out.gates.float(), want.gates, atol=0.02, rtol=0)
    torch.testing.assert_close(out.expert_logits.float(), want.expert_logits, atol=0.05, rtol=0)


def test_gradients_reach_every_parameter():
    torch.manual_seed(0)
    net = MCOENet(replace(SMALL, top_k=8)).train()
    rgb, event = images(3)
    present = torch.tensor([True, True, False])
    out = net(rgb, event, present, ~present | torch.tensor([True, False, False]))
    out.logits.square().sum().backward()
    without = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert without == []


def test_torchvision_weights_load_with_their_classifier_left_aside():
    donor = ResNet18([0.0] * 3, [1.0] * 3)
    state = {**donor.state_dict(), "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    # torchvision's names, as its published state dicts have them
    assert {"conv1.weight", "bn1.running_var", "layer1.0.conv1.weight", "layer2.0.downsample.1.bias"} <= set(state)
    assert len(state) == 122
    same = ResNet18([0.0] * 3, [1.0] * 3)
    same.load_torchvision(state)
    x = torch.rand(1, 3, 64, 64)
    assert torch.equal(same.eval()(x).stage4, donor.eval()(x).stage4)


def test_torchvision_weights_on_other_channel_counts_keep_the_response():
    donor, wide = ResNet18([0.0] * 3, [1.0] * 3), ResNet18([0.0] * 5, [1.0] * 5)
    wide.load_torchvision(donor.state_dict())
    grey = torch.rand(1, 1, 64, 64)
    want = donor.conv1(grey.expand(-1, 3, -1, -1))
    torch.testing.assert_close(wide.conv1(grey.expand(-1, 5, -1, -1)), want, atol=1e-5, rtol=1e-4)


def test_other_weights_are_refused():
    with pytest.raises(McoeError, match="torchvision ResNet-18"):
        ResNet18([0.0] * 3, [1.0] * 3).load_torchvision({"conv1.weight": torch.zeros(64, 3, 7, 7)})


def test_pooled_tokens_are_one_a_frame():
    net = MCOENet(replace(SMALL, tokens="pooled")).eval()
    out = net(*images(2))
    assert out.alpha.shape == (2, 2)
    # The mean over positions is all that pooled tokens see.
    maps = torch.rand(1, 2, 512, 2, 2)
    torch.testing.assert_close(net.head(maps, maps).logits, net.head(maps.flip(-1), maps.flip(-2)).logits)


def test_info_counts_the_whole_network(capsys):
    table = info.parts(ModelConfig())
    assert sum(p.parameters for p in table) == sum(p.numel() for p in MCOENet().parameters())
    work = {p.name: p.multiply_adds for p in table}
    # Four ResNet-18 passes at 100×100 are the paper's figure.
    assert work["RGB backbone"] + work["event backbone"] == pytest.approx(info.PAPER_MULTIPLY_ADDS, rel=0.01)
    d, m = ModelConfig().d, ModelConfig().n_tokens
    assert work["MCIB"] == 2 * (4 * m * d * d + 2 * m * m * d)
    assert work["tokens"] == 2 * m * 512 * d
    assert info.main([]) == 0
    printed = capsys.readouterr().out
    assert "1.77 G" in printed
    assert "scan backend    torch" in printed or torch.cuda.is_available()


@pytest.mark.parametrize("modality", ["rgb", "event"])
def test_normalising_each_frame_takes_light_out_and_keeps_an_empty_one_empty(modality):
    centred = modality == "rgb"
    norm = InputNorm([0.4] * 3, [0.2] * 3, "frame", centred)
    image = torch.rand(2, 3, 20, 20) if centred else torch.randn(2, 3, 20, 20)
    once = norm(image)
    torch.testing.assert_close(norm(image * 0.5), once, atol=0.12, rtol=0)
    torch.testing.assert_close(once.square().mean((1, 2, 3)), torch.ones(2), atol=0.1, rtol=0)
    if centred:
        torch.testing.assert_close(norm(image + 0.3), once, atol=1e-4, rtol=0)
    else:
        assert (norm(torch.zeros_like(image)) == 0).all()
    noise = 1e-3 * torch.randn(1, 3, 20, 20)
    assert norm(noise).square().mean().sqrt() < 0.3
    half = copy.deepcopy(norm).half()(image.half())
    assert half.dtype == torch.float16
    torch.testing.assert_close(half.float(), once, atol=0.02, rtol=0.02)


def test_a_networks_config_says_how_its_frames_are_normalised():
    rgb, event = images(1)
    frame = MCOENet(replace(SMALL, rgb_norm="frame", event_norm="frame")).eval()
    fixed = MCOENet(replace(SMALL, rgb_norm="fixed", event_norm="fixed")).eval()
    fixed.load_state_dict(frame.state_dict())
    dim = frame(rgb, event).logits - frame(0.5 * rgb, 0.5 * event).logits
    changed = fixed(rgb, event).logits - fixed(0.5 * rgb, 0.5 * event).logits
    assert dim.abs().max() < 0.2 * changed.abs().max()
