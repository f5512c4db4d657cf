"""Grad-CAM per modality and frame, from the backward pass of the head alone.

The backbones' maps are the leaves of the graph, so nothing is hooked and the backbones may have run in any engine.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from mcoe.core.words import Modality
from mcoe.model.head import HeadOutput
from mcoe.model.network import MCOENet

Layer = Literal["stage4", "stage3"]


def explain_step(
    net: MCOENet,
    rgb_maps: Tensor | None,
    event_maps: Tensor | None,
    target: int | None = None,
    cam: bool = True,
    layer: Layer = "stage4",
    versus: int | None = None,
) -> tuple[HeadOutput, Tensor | None, Tensor | None, Tensor]:
    """One forward pass of the head and, with ``cam``, one backward pass to the maps.

    Args:
        net: in evaluation mode; with ``requires_grad_(False)`` no parameter's gradient costs anything.
        rgb_maps, event_maps: ``(B, m, C, h, w)``, maps of ``layer``; None for a missing modality.
        target: index into ``EMOTIONS`` to explain; None: each sample's predicted class.
        versus: a second class, whose evidence counts against the first's; the maps are then signed, and their
            positive part speaks for ``target``, their negative part for ``versus``.
        layer: with ``stage3`` the maps are stage-3 maps, and stage 4 runs here, in torch.

    Returns:
        The head's output (detached), Grad-CAM of RGB and of events ``(B, m, h, w)``, >= 0 and not normalised (None
        for a missing modality or without ``cam``), and the explained class of each sample, int64 ``(B,)``.
    """
    given: dict[Modality, Tensor] = {}
    for name, maps in (("rgb", rgb_maps), ("event", event_maps)):
        if maps is not None and name in net.config.modalities:
            given[name] = maps.detach().requires_grad_(cam)
    with torch.set_grad_enabled(cam):
        stage4 = given if layer == "stage4" else {name: _stage4(net, name, x) for name, x in given.items()}
        output: HeadOutput = net.head(stage4.get("rgb"), stage4.get("event"))
        classes = output.logits.detach().argmax(-1) if target is None else None  # (B,)
        if classes is None:
            classes = torch.full_like(output.logits[:, 0], target or 0, dtype=torch.int64)  # (B,)
        cams: dict[Modality, Tensor] = {}
        if cam:
            score = output.logits.gather(1, classes[:, None]).sum()  # ()
            if versus is not None:
                score = score - output.logits[:, versus].sum()  # ()
            grads = torch.autograd.grad(score, list(given.values()))
            cams = {
                name: grad_cam(maps.detach(), grad, signed=versus is not None)
                for (name, maps), grad in zip(given.items(), grads, strict=True)
            }
    return HeadOutput(*(x.detach() for x in output)), cams.get("rgb"), cams.get("event"), classes


def _stage4(net: MCOENet, name: Modality, maps: Tensor) -> Tensor:
    """``(B, m, 256, h, w)`` to ``(B, m, 512, h/2, w/2)``."""
    out = net.backbone(name).stage4(maps.flatten(0, 1))  # (B·m, 512, h/2, w/2)
    return out.view(*maps.shape[:2], *out.shape[1:])


def grad_cam(maps: Tensor, gradient: Tensor, signed: bool = False) -> Tensor:
    """ReLU(Σ_c w_c A_c) with w_c the gradient's mean over positions: ``(..., C, h, w)`` to ``(..., h, w)``.

    ``signed`` leaves the ReLU out.
    """
    weights = gradient.mean((-2, -1)).unsqueeze(-2)  # (..., 1, C)
    cam = (weights @ maps.flatten(-2)).view(*maps.shape[:-3], *maps.shape[-2:])  # (..., h, w)
    return cam if signed else torch.relu(cam)
