"""Grad-CAM from the head alone: equal to captum's on the whole network, nothing left behind."""

import gc
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from captum.attr import LayerGradCam

from mcoe.explain.gradcam import explain_step, grad_cam
from mcoe.model.config import EMOTIONS, ModelConfig
from mcoe.model.network import MCOENet

TINY = ModelConfig(d=16, heads=2, size=32, d_state=2, deep_layers=1, focal_width=4)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    # With these noise images some ReLU maps of a network that norms each frame are all zero: nothing to compare.
    return MCOENet(ModelConfig(d=32, heads=4, rgb_norm="fixed")).eval()


def images(batch=1):
    g = torch.Generator().manual_seed(2)
    rgb = torch.rand(batch, 2, 3, 100, 100, generator=g)
    return {"rgb": rgb, "event": torch.randn(batch, 2, 3, 100, 100, generator=g)}


def maps(net, stage, **given):
    with torch.no_grad():
        found = {k: getattr(net.features(k, x.flatten(0, 1)), stage) for k, x in given.items()}
    return [found[k].view(-1, 2, *found[k].shape[1:]) if k in found else None for k in ("rgb", "event")]


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("stage", ["stage4", "stage3"])
@pytest.mark.parametrize("target", [None, 4])
def test_equals_captum(net, stage, target, batch):
    x = images(batch)
    output, *cams, classes = explain_step(net, *maps(net, stage, **x), target, layer=stage)
    predicted = net(**x).logits.argmax(-1)
    assert classes.tolist() == ([target] * batch if target is not None else predicted.tolist())
    for backbone, cam in zip((net.backbone_rgb, net.backbone_event), cams, strict=True):
        layer = backbone.layer4 if stage == "stage4" else backbone.layer3
        captum = LayerGradCam(lambda rgb, event: net(rgb, event).logits, layer)
        want = captum.attribute((x["rgb"], x["event"]), classes, relu_attributions=True)  # (B·m, 1, h, w)
        want = want.view_as(cam)
        assert cam.max() > 0
        assert (cam - want).abs().max() < 1e-4 * want.max()
    torch.testing.assert_close(output.logits, net(**x).logits.detach())


def test_versus_is_the_signed_difference_of_two_classes(net):
    x = images(2)
    _, *cams, classes = explain_step(net, *maps(net, "stage4", **x), target=2, versus=5)
    assert classes.tolist() == [2, 2]
    for backbone, cam in zip((net.backbone_rgb, net.backbone_event), cams, strict=True):
        captum = LayerGradCam(lambda rgb, event: net(rgb, event).logits, backbone.layer4)
        one, other = (captum.attribute((x["rgb"], x["event"]), k, relu_attributions=False) for k in (2, 5))
        assert cam.min() < 0 < cam.max()
        assert (cam - (one - other).view_as(cam)).abs().max() < 1e-4 * cam.abs().max()


def test_gradcam_by_hand():
    a, g = torch.randn(2, 3, 5, 4, 4), torch.randn(2, 3, 5, 4, 4)
    got = grad_cam(a, g)
    for b in range(2):
        for m in range(3):
            total = sum(g[b, m, c].mean() * a[b, m, c] for c in range(5))
            torch.testing.assert_close(got[b, m], total.clamp(min=0))


def test_one_modality_explains_itself(net):
    rgb, event = maps(net, "stage4", **images())
    _, cam_rgb, cam_event, _ = explain_step(net, rgb, None)
    assert cam_rgb.shape == (1, 2, 4, 4)
    assert cam_event is None
    _, cam_rgb, cam_event, _ = explain_step(net, None, event, target=0)
    assert cam_rgb is None
    assert cam_event.shape == (1, 2, 4, 4)


def test_without_cam_only_the_forward_runs(net):
    given = maps(net, "stage4", **images())
    output, cam_rgb, cam_event, classes = explain_step(net, *given, cam=False)
    assert cam_rgb is cam_event is None
    assert classes.tolist() == output.logits.argmax(-1).tolist()
    explained = explain_step(net, *given)[0]
    for a, b in zip(output, explained, strict=True):
        torch.testing.assert_close(a, b)
        assert not b.requires_grad


@pytest.mark.parametrize("config", [TINY, replace(TINY, experts=()), replace(TINY, modality="event")])
def test_ablated_networks_explain_too(config):
    net = MCOENet(config).eval()
    x = torch.rand(2, 2, 512, 1, 1)
    _, cam_rgb, cam_event, _ = explain_step(net, x, x)
    assert cam_event.shape == (2, 2, 1, 1)
    assert (cam_rgb is None) == (config.modality == "event")


def test_a_frozen_network_and_the_callers_maps_stay_as_they_are(net):
    given = maps(net, "stage4", **images())
    want = explain_step(net, *given)
    assert all(p.grad is None for p in net.parameters())
    assert not any(x.requires_grad or x.grad is not None for x in given)
    net.requires_grad_(False)
    got = explain_step(net, *given)
    net.requires_grad_(True)
    torch.testing.assert_close(got[1:], want[1:])


def test_no_hook_is_left_and_memory_does_not_grow():
    torch.manual_seed(0)
    net = MCOENet(TINY).eval()
    x = torch.rand(1, 2, 512, 1, 1)

    def tensors():
        gc.collect()
        return sum(issubclass(type(o), torch.Tensor) for o in gc.get_objects())

    def resident_bytes():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    for _ in range(50):
        explain_step(net, x, x)
    before, resident = tensors(), resident_bytes()
    for i in range(1000):
        explain_step(net, x, x, target=i % len(EMOTIONS))
    assert tensors() == before
    # One kept graph of this network would be 50 kB a call.
    assert resident_bytes() - resident < 5e6
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    assert not any(getattr(module, name) for module in net.modules() for name in hooks)
