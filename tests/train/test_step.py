"""One step: what decays, what is learnt of each stream by itself, and the same step recorded as a CUDA graph."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import SIZE, TINY

from mcoe.calibration import fit_temperature, softmax
from mcoe.data.augment import AugmentConfig
from mcoe.data.pack import open_or_build
from mcoe.model.loss import choices, mcoe_loss
from mcoe.model.network import MCOENet
from mcoe.train.feed import Feed, upload
from mcoe.train.loop import augmentation
from mcoe.train.options import TrainOptions, build_config
from mcoe.train.state import EMA
from mcoe.train.step import GraphedStep, Mixed, Step, parameter_groups

CPU = torch.device("cpu")


def tiny() -> MCOENet:
    torch.manual_seed(0)
    return MCOENet(build_config(TINY))


def make_step(device: torch.device, own: float = 0.0, lose: float = 0.0, augment: float = 0.0) -> Step:
    net = tiny().to(device)
    options = TrainOptions(data="", out="", own=own, lose=lose, augment=augment)
    rate = 1e-3 if device.type == "cpu" else torch.tensor(1e-3, device=device)
    groups = parameter_groups(net, 1e-3)
    optimizer = torch.optim.AdamW(groups, rate, fused=True, capturable=device.type == "cuda")
    scaler = torch.amp.GradScaler(device.type, enabled=False)
    model = Mixed(net, torch.float32, own > 0)
    return Step(net, model, optimizer, scaler, options, augmentation(options), torch.Generator(device))


def test_only_matrices_and_filters_decay() -> None:
    net = tiny()
    decaying, free = parameter_groups(net, 0.5)
    assert (decaying["weight_decay"], free["weight_decay"]) == (0.5, 0.0)
    name_of = {id(p): name for name, p in net.named_parameters()}
    decays = {name_of[id(p)] for p in decaying["params"]}
    stays = {name_of[id(p)] for p in free["params"]}
    assert decays | stays == set(name_of.values())
    assert not decays & stays
    for ending in ("A_log", ".D", "dt_bias", "conv_bias", "position", "missing", "bias", "bn1.weight", "norm.weight"):
        found = [name for name in name_of.values() if name.endswith(ending)]
        assert found, ending
        assert set(found) <= stays
    for name in ("backbone_rgb.conv1.weight", "head.mamba.mjos.in_proj.weight", "head.moe.router.p2.weight"):
        assert name in decays
    # A step without a gradient moves what decays, and nothing else.
    before = {k: v.detach().clone() for k, v in net.named_parameters()}
    for p in net.parameters():
        p.grad = torch.zeros_like(p)
    torch.optim.AdamW([decaying, free], 0.1).step()
    moved = {k for k, v in net.named_parameters() if not torch.equal(v, before[k]) and before[k].any()}
    assert moved == {k for k in decays if before[k].any()}


def test_each_streams_own_reading_is_that_of_a_network_without_the_other() -> None:
    net = tiny().eval()
    rgb, event = torch.rand(3, 2, 3, SIZE, SIZE), torch.randn(3, 2, 3, SIZE, SIZE)
    with torch.no_grad():
        out = Mixed(net, torch.float32, own=True)(rgb, event, None, None)
        assert out.logits.shape == (9, 7)
        for part, given in enumerate(((rgb, event), (rgb, None), (None, event))):
            torch.testing.assert_close(out.logits[3 * part : 3 * part + 3], net(*given).logits, atol=1e-5, rtol=1e-5)
        lost = Mixed(net, torch.float32, own=True)(rgb, event, torch.tensor([True, True, False]), None)
    torch.testing.assert_close(lost.logits[2], out.logits[8], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(lost.logits[3:], out.logits[3:], atol=1e-5, rtol=1e-5)


def test_a_step_learns_from_the_own_readings_too() -> None:
    rgb, event = torch.rand(4, 2, 1, SIZE, SIZE), torch.randn(4, 2, 3, SIZE, SIZE)
    y = torch.tensor([0, 1, 2, 3])
    plain, own = (make_step(CPU, own=value)(rgb, event, y) for value in (0.0, 1.0))
    assert own[1] == pytest.approx(float(plain[1]), rel=1e-4)  # the cross entropy of both together
    assert own[0] > plain[0] + 4  # the loss: 1.9 more a clip for each of the two
    assert own[5] == plain[5] == 4
    assert float(own[6 : 6 + 8].sum()) == 8


def test_smoothing_spreads_the_label() -> None:
    net = tiny().eval()
    with torch.no_grad():
        out = net(torch.rand(2, 2, 3, SIZE, SIZE), torch.randn(2, 2, 3, SIZE, SIZE))
        y = torch.tensor([1, 5])
        log = out.logits.log_softmax(-1)
        sharp, soft = (mcoe_loss(net, out, y, s)[1] for s in (0.0, 0.2))
    wanted = -(0.8 * log[[0, 1], y] + 0.2 * log.mean(-1)).mean()
    torch.testing.assert_close(soft, wanted)
    torch.testing.assert_close(sharp, -log[[0, 1], y].mean())


def test_choices_are_counted() -> None:
    chosen = torch.tensor([[0, 3], [3, 1], [3, 0]])
    assert choices(chosen, 5).tolist() == torch.bincount(chosen.flatten(), minlength=5).tolist() == [2, 1, 0, 3, 0]
    assert choices(chosen[:, :0], 0).shape == (0,)


def test_the_average_follows_a_network_that_loads_another_state() -> None:
    net = tiny()
    ema = EMA(net, 0.5)
    net.load_state_dict({k: v + 1 for k, v in net.state_dict().items()})
    ema.update()  # the first decay is 1/10
    own, average = net.state_dict(), ema.state
    torch.testing.assert_close(average["head.position"], own["head.position"] - 0.1)
    assert int(average["backbone_rgb.bn1.num_batches_tracked"]) == 1


def test_the_options_say_how_clips_are_changed() -> None:
    options = TrainOptions(data="", out="", tighter=2.0, wider=1.5, mirror=0.5, erase=0.25, shift=0.1, exposure=0.7)
    config = augmentation(options)
    assert (config.tighter, config.wider, config.mirror, config.erase) == (2.0, 1.5, 0.5, 0.25)
    half = augmentation(dataclasses.replace(options, augment=0.5))
    assert half.tighter == pytest.approx(2**0.5)
    assert half.erase == pytest.approx(0.125)
    none = AugmentConfig().times(0.0)
    assert (none.tighter, none.wider) == (1.0, 1.0)
    assert not any(v for k, v in dataclasses.asdict(none).items() if k not in ("tighter", "wider"))


def test_a_temperature_is_found_again() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(0, 2, (4000, 7))
    chances = softmax(true)
    labels = (chances.cumsum(1) > rng.random((4000, 1))).argmax(1)
    assert fit_temperature(3.0 * true, labels) == pytest.approx(3.0, rel=0.08)
    assert fit_temperature(0.5 * true, labels) == pytest.approx(0.5, rel=0.08)
    assert (softmax(true, 3.0).argmax(1) == true.argmax(1)).all()
    np.testing.assert_allclose(softmax(true * 1e3, 2.0).sum(1), 1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_recorded_step_is_the_step(data: Path) -> None:
    device = torch.device("cuda")
    pack = open_or_build(data, size=SIZE)
    feed = Feed(pack, device, 400_000, stored=upload(pack, device))
    rows = torch.tensor([[0, 3], [1, 4], [2, 5], [16, 19]], device=device)
    y = torch.tensor([0, 1, 2, 3], device=device)
    plain, recorded = (make_step(device, own=1.0, augment=1.0) for _ in range(2))
    graph = GraphedStep(recorded, feed, 4)
    for i in range(4):
        sums = []
        for step, call in ((plain, lambda: plain(*feed.gather(rows), y)), (recorded, lambda: graph(rows, y))):
            step.generator.manual_seed(i)
            step.net.train()
            torch.manual_seed(i)
            sums.append(call().clone())
        torch.testing.assert_close(sums[0][:4], sums[1][:4], atol=0.05, rtol=0.02)  # the losses
        assert sums[0][5] == sums[1][5] == 4
