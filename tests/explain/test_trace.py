"""The expert trace is plain NumPy and says what the output says."""

import numpy as np
import torch

from mcoe.explain.trace import expert_trace
from mcoe.model.config import ModelConfig
from mcoe.model.network import MCOENet


def test_trace_of_one_sample():
    torch.manual_seed(0)
    net = MCOENet(ModelConfig(d=16, heads=2, size=32)).eval()
    output = net.head(torch.rand(3, 2, 512, 1, 1), torch.rand(3, 2, 512, 1, 1))
    trace = expert_trace(output, net.config, sample=1)
    assert trace.expert_kinds == net.config.experts
    assert trace.chosen.dtype == np.int64
    for name in ("logits", "gates", "weights", "expert_logits", "alpha"):
        value = getattr(trace, name)
        assert value.dtype == np.float32
        np.testing.assert_array_equal(value, getattr(output, name)[1].detach().numpy())
    np.testing.assert_allclose(trace.probabilities.sum(), 1, rtol=1e-6)
    # Eq. 15 can be read back from the trace alone.
    np.testing.assert_allclose(trace.weights @ trace.expert_logits[trace.chosen], trace.logits, atol=1e-6)
    with torch.no_grad():
        output.logits.zero_()
    assert np.abs(trace.logits).max() > 0
