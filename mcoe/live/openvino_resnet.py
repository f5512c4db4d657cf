"""ResNet-18 as an OpenVINO model, written op by op: exporting it from torch takes seconds at every start."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mcoe.model.resnet import BasicBlock, InputNorm, ResNet18


def resnet18_model(net: ResNet18, size: int) -> Any:
    """Build an ``openvino.Model`` of ``(1, C, size, size)`` float32 with the stage-3 and stage-4 maps as outputs.

    Batch norm is folded into the convolutions, as it is in evaluation mode.
    """
    import openvino
    from openvino import opset13 as op

    def convolve(x: Any, convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> Any:
        weight, bias = folded(convolution, norm)
        stride, pad = list(convolution.stride), [int(p) for p in convolution.padding]
        y = op.convolution(x, op.constant(_numpy(weight)), stride, pad, pad, [1, 1])
        return op.add(y, op.constant(_numpy(bias.view(1, -1, 1, 1))))

    def block(x: Any, part: BasicBlock) -> Any:
        shortcut = x
        if isinstance(part.downsample, nn.Sequential):
            convolution, norm = part.downsample
            assert isinstance(convolution, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            shortcut = convolve(x, convolution, norm)
        y = op.relu(convolve(x, part.conv1, part.bn1))
        return op.relu(op.add(convolve(y, part.conv2, part.bn2), shortcut))

    image = op.parameter([1, len(net.norm.mean), size, size], np.float32)
    x = _normalised(op, image, net.norm)
    x = op.relu(convolve(x, net.conv1, net.bn1))
    x = op.max_pool(x, [2, 2], [1, 1], [1, 1], [1, 1], [3, 3]).output(0)
    stages = []
    for layer in (net.layer1, net.layer2, net.layer3, net.layer4):
        for part in layer:
            assert isinstance(part, BasicBlock)
            x = block(x, part)
        stages.append(x)
    return openvino.Model([op.result(stages[2]), op.result(stages[3])], [image])


def _normalised(op: Any, image: Any, norm: InputNorm) -> Any:
    """:meth:`mcoe.model.resnet.InputNorm.forward` as OpenVINO operations."""
    if norm.kind == "fixed":
        return op.divide(op.subtract(image, op.constant(_numpy(norm.mean[None]))), op.constant(_numpy(norm.std[None])))
    axes = op.constant(np.array([1, 2, 3], np.int64))
    x = op.subtract(image, op.reduce_mean(image, axes, True)) if norm.centred else image
    power = op.add(op.reduce_mean(op.multiply(x, x), axes, True), op.constant(np.float32(float(norm.floor) ** 2)))
    return op.divide(x, op.sqrt(power))


@torch.no_grad()
def folded(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return the weight and bias of ``convolution`` followed by ``norm`` in evaluation mode."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)  # (out,)
    return convolution.weight * scale.view(-1, 1, 1, 1), norm.bias - norm.running_mean * scale


def _numpy(tensor: Tensor) -> Any:
    return np.ascontiguousarray(tensor.detach().cpu().float().numpy())
