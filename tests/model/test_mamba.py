"""MJOS against Algorithm 1 in NumPy; its gradients, above all those of the joint maps."""

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck
from torch.func import functional_call

from mcoe.model.config import ModelConfig
from mcoe.model.mamba import MJOS, Joint, MCOMamba
from mcoe.model.scan.torch_scan import selective_scan
from tests.model import reference, weights

TINY = ModelConfig(d=4, heads=2, d_state=3, d_conv=3, size=32, frames=5, experts=("deep",), top_k=1)
R = np.random.default_rng(3)


def mjos(config=TINY):
    return weights.randomise(MJOS(config))


def by_algorithm_1(layer, sequences):
    """All of Algorithm 1 on F and E ``(L, d)``."""
    x, z = [], []
    for m, sequence in enumerate(sequences):
        projected = reference.apply(weights.member(layer.in_proj, m), sequence)
        taps = weights.array(layer.conv_weight[:, m, 0, 0])
        x.append(reference.conv_silu(projected[:, : layer.d_inner], taps, weights.array(layer.conv_bias[m, 0, 0])))
        gate = projected[:, layer.d_inner :]
        z.append(gate / (1 + np.exp(-gate)))
    total = [np.zeros_like(v) for v in x]
    for direction in (0, 1):
        parameters = [weights.mjos(layer, m, direction) for m in (0, 1)]
        for m, y in enumerate(reference.algorithm_1_direction(*x, *parameters, reverse=direction == 1)):
            total[m] += y
    return [reference.apply(weights.member(layer.out_proj, m), z[m] * total[m]) for m in (0, 1)]


def test_joint_is_equation_5():
    layer = weights.randomise(Joint(3))
    a = torch.tensor(R.standard_normal((2, 2, 4, 3)))
    got = weights.array(layer(a))
    for m in (0, 1):
        for direction in (0, 1):
            want = reference.joint(
                a[m, direction].numpy(), a[1 - m, direction].numpy(), weights.member(layer.linear, 2 * m + direction)
            )
            np.testing.assert_allclose(got[m, direction], want, atol=1e-12)


@pytest.mark.parametrize("direction", [0, 1])
def test_one_direction_is_lines_5_to_23(direction):
    """What the layer scans in one direction, seen by silencing the other: its C and D set to zero."""
    layer = mjos()
    x = torch.tensor(R.standard_normal((2, 1, 6, 4)))
    with torch.no_grad():
        n, other = layer.d_state, 1 - direction
        layer.c_proj.weight[:, :, other * n : (other + 1) * n] = 0
        for m in (0, 1):
            layer.joint["C"].linear.bias[2 * m + other] = 0
        layer.D[:, other] = 0
    parameters = [weights.mjos(layer, m, direction) for m in (0, 1)]
    inner = []
    for m in (0, 1):
        projected = reference.apply(weights.member(layer.in_proj, m), x[m, 0].numpy())
        taps, bias = weights.array(layer.conv_weight[:, m, 0, 0]), weights.array(layer.conv_bias[m, 0, 0])
        inner.append((reference.conv_silu(projected[:, : layer.d_inner], taps, bias), projected[:, layer.d_inner :]))
    want = reference.algorithm_1_direction(inner[0][0], inner[1][0], *parameters, reverse=direction == 1)
    got = weights.array(layer(x))
    for m in (0, 1):
        z = inner[m][1]
        y = reference.apply(weights.member(layer.out_proj, m), z / (1 + np.exp(-z)) * want[m])
        np.testing.assert_allclose(got[m, 0], y, atol=1e-10)


def test_forward_is_algorithm_1():
    layer = mjos()
    x = R.standard_normal((2, 3, 5, 4))
    got = weights.array(layer(torch.tensor(x)))
    for b in range(3):
        for m, want in enumerate(by_algorithm_1(layer, (x[0, b], x[1, b]))):
            np.testing.assert_allclose(got[m, b], want, atol=1e-10)


def test_pre_norm_and_residual():
    layer = weights.randomise(MCOMamba(TINY))
    x = R.standard_normal((2, 1, 5, 4))
    normed = [
        reference.layer_norm(x[m, 0], weights.array(layer.norm.weight[m, 0]), weights.array(layer.norm.bias[m, 0]))
        for m in (0, 1)
    ]
    got = weights.array(layer(torch.tensor(x)))
    for m, want in enumerate(by_algorithm_1(layer.mjos, normed)):
        np.testing.assert_allclose(got[m, 0], x[m, 0] + want, atol=1e-10)


@pytest.mark.parametrize(
    ("mode", "letters"),
    [("join", "BC"), ("join", "AD"), ("share", "B"), ("share", "A"), ("exchange", "ABCD"), ("none", "")],
)
def test_gradcheck_through_input_and_every_parameter(mode, letters):
    layer = mjos(ModelConfig(d=2, heads=1, d_state=2, d_conv=2, mjos=mode, mjos_letters=letters))
    names, values = zip(*layer.named_parameters(), strict=True)
    x = torch.tensor(R.standard_normal((2, 1, 3, 2)), requires_grad=True)
    assert gradcheck(
        lambda x, *p: functional_call(layer, dict(zip(names, p, strict=True)), (x,)), (x, *values), atol=1e-6
    )


def test_every_joint_parameter_gets_a_non_zero_correct_gradient():
    """Against differences of the NumPy algorithm, not of the network: a wrong path cannot agree with itself."""
    layer = mjos(ModelConfig(d=2, heads=1, d_state=2, d_conv=2))
    x = R.standard_normal((2, 1, 3, 2))
    probe = R.standard_normal((2, 3, 2))
    loss = (layer(torch.tensor(x))[:, 0] * torch.tensor(probe)).sum()
    named = list(layer.joint.named_parameters())
    assert {name for name, _ in named} == {f"{k}.linear.{p}" for k in "BC" for p in ("weight", "bias")}
    for (name, parameter), gradient in zip(named, torch.autograd.grad(loss, [p for _, p in named]), strict=True):
        assert (gradient != 0).all(), name
        flat = parameter.data.view(-1)
        for i in range(len(flat)):
            ends = []
            for step in (1e-5, -2e-5):
                flat[i] += step
                ends.append(sum((y * p).sum() for y, p in zip(by_algorithm_1(layer, x[:, 0]), probe, strict=True)))
            flat[i] += 1e-5
            np.testing.assert_allclose(gradient.view(-1)[i], (ends[0] - ends[1]) / 2e-5, rtol=1e-5, atol=1e-8)


def test_shared_and_exchanged_parameters():
    """Table 7 A–D: one parameter in place of two. Table 7 J: each modality scans with the other's A, B, C, D."""
    for letter, name in zip("ABCD", ("A_log", "b_proj.weight", "c_proj.weight", "D"), strict=True):
        layer = MJOS(ModelConfig(d=4, heads=2, mjos="share", mjos_letters=letter))
        assert dict(layer.named_parameters())[name].shape[0] == 1
    layer = mjos(ModelConfig(d=4, heads=2, d_state=3, mjos="exchange", mjos_letters="D"))
    plain = mjos(ModelConfig(d=4, heads=2, d_state=3, mjos="none"))
    state = layer.state_dict()
    plain.load_state_dict({**state, "D": state["D"].flip(0)})
    x = torch.tensor(R.standard_normal((2, 2, 5, 4)))
    torch.testing.assert_close(layer(x), plain(x))


@pytest.mark.parametrize("batch", [1, 3])
def test_fused_directions_equal_the_general_path_with_gradients(batch):
    """float32 on the CPU reads both directions in the kernel; any other backend gets reversed copies."""
    layer = mjos(ModelConfig(d=72, heads=2)).float()  # 144 channels: more than one block
    x = torch.randn(2, batch, 11, 72, generator=torch.Generator().manual_seed(1)).requires_grad_()
    results = []
    for scan in (selective_scan, lambda *args, **options: selective_scan(*args, **options)):
        layer.scan = scan
        y = layer(x)
        results.append([y, *torch.autograd.grad(y.square().sum(), [x, *layer.parameters()])])
    layer.double()
    y = layer(x.double())
    results.append([y, *torch.autograd.grad(y.square().sum(), [x, *layer.parameters()])])
    for fused, general, exact in zip(*results, strict=True):
        for got in (fused, general):
            assert (got.double() - exact.double()).abs().max() < 2e-5 * exact.abs().max()
