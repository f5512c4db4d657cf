"""mamba-ssm's kernel against the torch backend, forward and gradients. Run on a GPU machine with the wheel."""

import pytest
import torch

from mcoe.model.config import ModelConfig
from mcoe.model.network import MCOENet
from mcoe.model.scan import mamba_ssm_scan
from mcoe.model.scan.torch_scan import selective_scan
from tests.model.test_scan import inputs

needs_kernel = pytest.mark.skipif(
    not torch.cuda.is_available() or mamba_ssm_scan() is None, reason="needs CUDA and an importable mamba-ssm"
)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")


def close(got, want, tolerance):
    for g, w in zip(got, want, strict=True):
        assert (g.double() - w.double()).abs().max() <= tolerance * w.double().abs().max()


def run(scan, shape, dtype, device):
    """y and every gradient; A, D and bias stay float32, as the kernel demands."""
    u, delta, A, B, C, D, z, bias = (x.detach() for x in inputs(*shape, torch.float32))
    values = [
        *(x.to(device, dtype) for x in (u, delta)),
        A.to(device),
        *(x.to(device, dtype) for x in (B, C)),
        D.to(device),
        z.to(device, dtype),
        bias.to(device),
    ]
    values = [x.requires_grad_() for x in values]
    y = scan(*values, delta_softplus=True)
    weight = torch.linspace(-1, 1, y.numel(), device=device).view_as(y).to(y.dtype)
    return y.detach(), *torch.autograd.grad((y * weight).sum(), values)


@needs_kernel
@pytest.mark.parametrize("shape", [(1, 4, 256, 16, 32), (4, 2, 64, 16, 32), (2, 1, 128, 16, 500)])
def test_kernel_equals_torch(shape):
    close(run(mamba_ssm_scan(), shape, torch.float32, "cuda"), run(selective_scan, shape, torch.float32, "cuda"), 1e-4)


@needs_kernel
def test_kernel_in_half_precision_stays_near_float32():
    shape = (1, 4, 256, 16, 32)
    close(run(mamba_ssm_scan(), shape, torch.bfloat16, "cuda"), run(selective_scan, shape, torch.float32, "cuda"), 5e-2)


@needs_cuda
@pytest.mark.parametrize("shape", [(1, 4, 256, 16, 32), (2, 1, 128, 16, 500)])
def test_torch_on_cuda_equals_torch_on_cpu(shape):
    got, want = (run(selective_scan, shape, torch.float32, device) for device in ("cuda", "cpu"))
    close([x.cpu() for x in got], want, 1e-4)


@needs_kernel
def test_network_with_either_backend_gives_the_same_votes_and_gradients():
    torch.manual_seed(0)
    net = MCOENet(ModelConfig()).cuda().eval()
    maps = [torch.randn(4, 2, 512, 4, 4, device="cuda").relu() for _ in range(2)]
    results = []
    for name in ("torch", "mamba_ssm"):
        assert net.use_scan(name) == name
        out = net.head(*maps)
        grads = torch.autograd.grad(out.logits.square().sum(), list(net.head.mamba.parameters()))
        results.append([out.logits.detach(), *grads])
    close(results[1], results[0], 1e-3)
