"""Both paths of the torch backend against the loop of Eq. 21, and their gradients."""

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from mcoe.core.errors import McoeError
from mcoe.model import scan as scan_package
from mcoe.model.scan import resolve_scan
from mcoe.model.scan.torch_scan import selective_scan
from tests.model import reference


def inputs(batch, groups, channels, n, length, dtype, seed=0):
    """u, delta, A, B, C, D, z, delta_bias as :func:`selective_scan` takes them."""
    r = np.random.default_rng(seed)
    d = groups * channels
    arrays = [
        r.standard_normal((batch, d, length)),
        r.standard_normal((batch, d, length)) - 2,
        -np.exp(r.standard_normal((d, n)) * 0.5 + 1),
        r.standard_normal((batch, groups, n, length)),
        r.standard_normal((batch, groups, n, length)),
        r.standard_normal(d),
        r.standard_normal((batch, d, length)),
        r.standard_normal(d),
    ]
    return [torch.tensor(a, dtype=dtype, requires_grad=True) for a in arrays]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(2, 1, 3, 4, 9), (1, 2, 5, 2, 6), (2, 1, 2, 1, 1), (1, 1, 2, 16, 500)])
def test_forward_is_the_recurrence(shape, dtype):
    batch, groups, channels, _, _ = shape
    u, delta, A, B, C, D, z, bias = inputs(*shape, dtype)
    y = selective_scan(u, delta, A, B, C, D, z, bias, delta_softplus=True).detach().double().numpy()
    u, delta, A, B, C, D, z, bias = (x.detach().double().numpy() for x in (u, delta, A, B, C, D, z, bias))
    for b in range(batch):
        for g in range(groups):
            at = slice(g * channels, (g + 1) * channels)
            step = np.vectorize(reference.softplus)(delta[b, at] + bias[at, None])
            want = reference.scan(u[b, at], step, A[at], B[b, g], C[b, g], D[at])
            want *= z[b, at] / (1 + np.exp(-z[b, at]))
            np.testing.assert_allclose(y[b, at], want, atol=2e-5 if dtype == torch.float32 else 1e-12)


@pytest.mark.parametrize("shape", [(1, 4, 256, 16, 32), (3, 2, 100, 3, 7), (1, 1, 130, 16, 500)])
def test_fused_float32_equals_float64_with_gradients(shape):
    """Channel counts above, below and beside the kernel's block; every gradient, D and bias included."""
    results = []
    for dtype in (torch.float32, torch.float64):
        values = inputs(*shape, dtype)
        y = selective_scan(*values, delta_softplus=True)
        weight = torch.tensor(np.random.default_rng(1).standard_normal(y.shape), dtype=dtype)
        results.append([y.detach(), *torch.autograd.grad((y * weight).sum(), values)])
    for got, want in zip(*results, strict=True):
        assert (got.double() - want).abs().max() < 3e-6 * want.abs().max()


def test_float32_without_softplus_bias_and_skip():
    """Their absence is its own branch of the kernel, forward and backward."""
    results = []
    for dtype in (torch.float32, torch.float64):
        u, delta, A, B, C, *_ = inputs(2, 2, 9, 5, 8, dtype)
        step = delta.abs()
        y = selective_scan(u, step, A, B, C)
        results.append([y.detach(), *torch.autograd.grad(y.square().sum(), (u, delta, A, B, C))])
    for got, want in zip(*results, strict=True):
        assert (got.double() - want).abs().max() < 3e-6 * want.abs().max()


def test_gradcheck():
    values = inputs(2, 2, 3, 2, 5, torch.float64)
    assert gradcheck(lambda *v: selective_scan(*v, delta_softplus=True), values)


def test_half_precision_keeps_its_states_in_float32():
    values = [x.detach() for x in inputs(2, 2, 9, 4, 200, torch.float32)]
    want = selective_scan(*values, delta_softplus=True)
    rounded = [x if i in (2, 5, 7) else x.bfloat16() for i, x in enumerate(values)]  # A, D and bias stay
    for autocast in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            got = selective_scan(*rounded, delta_softplus=True)
        assert got.dtype == torch.bfloat16
        exact = selective_scan(*(x.float() for x in rounded), delta_softplus=True)
        # Rounded once, at the end (and in the gate), not 200 times on the way.
        torch.testing.assert_close(got.float(), exact, atol=2e-2, rtol=1e-2)
    assert (got.float() - want).abs().mean() < 0.02 * want.abs().mean()


def test_b_and_c_without_a_group_axis_are_one_group():
    u, delta, A, B, C, *_ = inputs(2, 1, 3, 4, 6, torch.float64)
    torch.testing.assert_close(
        selective_scan(u, delta, A, B[:, 0], C[:, 0]), selective_scan(u, delta, A, B, C), rtol=0, atol=0
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nothing_overflows_at_extreme_steps(dtype):
    """ΔA of −10,000 and of −1e-30 over 500 steps: where cumulative sums of exponents turn into NaN."""
    u, delta, A, B, C, *_ = inputs(1, 1, 4, 3, 500, dtype)
    scale = torch.tensor([1e-30, 1.0, 100.0, 1000.0], dtype=dtype)[:, None]
    step = (delta.detach().abs() * scale).requires_grad_()
    y = selective_scan(u, step, A, B, C)
    grads = torch.autograd.grad(y.sum(), (u, step, A, B, C))
    assert all(x.isfinite().all() for x in (y, *grads))


def test_backend_choice(monkeypatch):
    assert resolve_scan("torch", "cuda") == ("torch", selective_scan)
    monkeypatch.setattr(scan_package, "mamba_ssm_scan", lambda: None)
    assert resolve_scan("auto", "cuda")[0] == "torch"
    with pytest.raises(McoeError, match="pip install mamba-ssm"):
        resolve_scan("mamba_ssm", "cuda")
    kernel = object()
    monkeypatch.setattr(scan_package, "mamba_ssm_scan", lambda: kernel)
    assert resolve_scan("auto", "cuda") == ("mamba_ssm", kernel)
    assert resolve_scan("auto", "cpu") == ("torch", selective_scan)
    with pytest.raises(McoeError, match="CUDA only"):
        resolve_scan("mamba_ssm", "cpu")
    with pytest.raises(McoeError, match="unknown"):
        resolve_scan("triton", "cpu")
