"""MCIB, router, top-k, each expert and the loss against their equations in NumPy."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mcoe.model.config import ModelConfig, interleave
from mcoe.model.head import HeadOutput
from mcoe.model.loss import balance_loss, mcoe_loss, orthogonal_loss
from mcoe.model.mcib import MCIB
from mcoe.model.moe import AttentionExperts, DeepExperts, FocalExperts, HCEMoE, Router
from mcoe.model.network import MCOENet
from tests.model import reference, weights

R = np.random.default_rng(5)
TINY = ModelConfig(d=4, heads=2, size=64, focal_width=3, deep_layers=2, experts=interleave(8))


def close(got, want, atol=1e-10):
    np.testing.assert_allclose(weights.array(got), want, atol=atol)


def test_mcib_is_equations_6_to_9():
    layer = weights.randomise(MCIB(4, 2))
    y = R.standard_normal((2, 3, 5, 4))
    h, alpha = layer(torch.tensor(y))
    for b in range(3):
        rgb, event = y[:, b]
        y_rgb = reference.attention(rgb, event, *weights.attention(layer.attention, 0))
        y_event = reference.attention(event, rgb, *weights.attention(layer.attention, 1))
        for m in range(5):
            a = reference.sigmoid(sum(rgb[m] * event[m]) / math.sqrt(4))
            close(alpha[b, m], a)
            close(h[b, m], a * y_rgb[m] + (1 - a) * y_event[m])


@pytest.mark.parametrize(("forced", "source"), [(1.0, 1), (0.0, 0)])
def test_alpha_1_is_the_events_content_and_0_the_frames(monkeypatch, forced, source):
    """By intervention: where one modality says the same everywhere, what H takes from it is the same whatever the other
    modality asks; the other modality's content would show."""
    layer = weights.randomise(MCIB(4, 2))
    monkeypatch.setattr("mcoe.model.mcib.torch.sigmoid", lambda x: torch.full_like(x, forced))
    y = torch.tensor(R.standard_normal((2, 3, 5, 4)))
    y[source] = y[source, :, :1]
    other = y.clone()
    other[1 - source] = torch.tensor(R.standard_normal((3, 5, 4)))
    changed = y.clone()
    changed[source] += 1
    h, same, differs = (layer(tokens)[0].detach() for tokens in (y, other, changed))
    close(same, h.numpy())
    assert not torch.allclose(differs, h)


def router_scores(router, h):
    x = reference.attention(h, h, *weights.attention(router.attention, 0)) + h
    x = reference.layer_norm(x, weights.array(router.norm.weight), weights.array(router.norm.bias)).mean(0)
    x = reference.apply(weights.linear(router.p1), x[None])
    return reference.apply(weights.linear(router.p2), np.vectorize(reference.gelu)(x))[0]


def test_router_is_equation_10():
    router = weights.randomise(Router(4, 2, 6))
    h = R.standard_normal((2, 5, 4))
    for b in range(2):
        close(router(torch.tensor(h))[b], router_scores(router, h[b]))


def test_focal_expert_is_equation_14_on_each_frames_grid():
    layer = weights.randomise(FocalExperts(2, 4, 3, (2, 3, 2)))
    h = R.standard_normal((2, 12, 4))
    got = layer(torch.tensor(h))
    for n in range(2):
        w3, b3 = weights.member(layer.c3, n)
        for b in range(2):
            votes = []
            for frame in h[b].reshape(2, 3, 2, 4):
                x = reference.conv_3x3(frame, w3.T.reshape(3, 3, 4, 3), b3)
                x = np.vectorize(reference.gelu)(x).reshape(6, 3)
                votes.extend(reference.apply(weights.member(layer.c1, n), x))
            close(got[n, b], np.mean(votes, 0))


def test_focal_expert_is_a_convolution():
    """Held against torch's own convolution, so that loop and product do not share a mistake."""
    layer = weights.randomise(FocalExperts(1, 4, 3, (1, 4, 4)))
    h = torch.tensor(R.standard_normal((2, 16, 4)))
    kernel = layer.c3.weight[0].view(3, 3, 4, 3).permute(3, 2, 0, 1)  # (width, d, 3, 3)
    x = F.conv2d(h.view(2, 4, 4, 4).permute(0, 3, 1, 2), kernel, layer.c3.bias[0, 0], padding=1)
    want = F.gelu(x).mean((2, 3)) @ layer.c1.weight[0] + layer.c1.bias[0]
    torch.testing.assert_close(layer(h)[0], want)


def test_attention_expert_is_equation_13():
    layer = weights.randomise(AttentionExperts(2, 4, 2))
    h = R.standard_normal((2, 5, 4))
    got = layer(torch.tensor(h))
    for n in range(2):
        for b in range(2):
            x = reference.attention(h[b], h[b], *weights.attention(layer.attention, n)) + h[b]
            x = reference.layer_norm(x, weights.array(layer.norm.weight[n, 0]), weights.array(layer.norm.bias[n, 0]))
            close(got[n, b], reference.apply(weights.member(layer.p, n), x).mean(0))


def test_deep_expert_is_equation_12_with_residuals():
    layer = weights.randomise(DeepExperts(2, 4, 3, 0.5))
    h = R.standard_normal((2, 5, 4))
    got = layer(torch.tensor(h))
    for n in range(2):
        for b in range(2):
            x = h[b].mean(0, keepdims=True)
            for p1, p2 in zip(layer.p1, layer.p2, strict=True):
                wide = np.vectorize(reference.gelu)(reference.apply(weights.member(p1, n), x))
                x = x + reference.apply(weights.member(p2, n), wide)
            close(got[n, b], reference.apply(weights.member(layer.p3, n), x)[0])


def test_dropout_of_the_deep_expert_acts_in_training_alone():
    layer = weights.randomise(DeepExperts(1, 4, 3, 0.5))
    h = torch.tensor(R.standard_normal((1, 5, 4)))
    assert torch.equal(layer(h), layer(h))
    layer.train()
    assert not torch.equal(layer(h), layer(h))


def test_topk_and_integration_are_equations_11_and_15():
    moe = weights.randomise(HCEMoE(TINY))
    h = torch.tensor(R.standard_normal((3, 8, 4)))
    out = moe(h)
    by_kind = {kind: layer(h) for kind, layer in moe.experts.items()}
    for b in range(3):
        gates = reference.softmax(router_scores(moe.router, h[b].numpy()))
        close(out.gates[b], gates)
        best = sorted(range(8), key=lambda i: -gates[i])[:2]
        assert out.chosen[b].tolist() == best
        share = [gates[i] / sum(gates[i] for i in best) for i in best]
        close(out.weights[b], share)
        seen = dict.fromkeys(by_kind, 0)
        votes = []
        for kind in TINY.experts:  # interleaved, each kind in its own order
            votes.append(weights.array(by_kind[kind][seen[kind], b]))
            seen[kind] += 1
        close(out.expert_logits[b], votes)
        close(out.logits[b], sum(w * votes[i] for w, i in zip(share, best, strict=True)))


def test_leaving_unchosen_experts_out_of_the_graph_changes_nothing():
    moe = weights.randomise(HCEMoE(TINY))
    h = torch.tensor(R.standard_normal((1, 8, 4)), requires_grad=True)
    lean = moe(h)
    full = moe(h.expand(2, -1, -1))  # a batch of two takes the stacked path
    for a, b in zip(lean, full, strict=True):
        torch.testing.assert_close(a, b[:1])
    grads = [torch.autograd.grad(o.logits[0, 2], h)[0] for o in (lean, full)]
    torch.testing.assert_close(*grads)
    assert grads[0].abs().max() > 0


def test_orthogonal_loss_is_equation_16():
    w = R.standard_normal((5, 3))
    close(orthogonal_loss(torch.tensor(w.T)), reference.orthogonal(w))
    q, _ = np.linalg.qr(w)
    assert orthogonal_loss(torch.tensor(q.T)) < 1e-20


def test_loss_is_equation_17():
    net = weights.randomise(MCOENet(TINY))
    logits = torch.tensor(R.standard_normal((3, 7)))
    labels = torch.tensor([0, 6, 2])
    output = HeadOutput(logits, *[logits] * 5)
    total, entropy, orthogonal = mcoe_loss(net, output, labels)
    want = -np.mean([math.log(reference.softmax(row)[k]) for row, k in zip(logits.numpy(), labels, strict=True)])
    close(entropy, want)
    close(orthogonal, reference.orthogonal(weights.array(net.head.moe.router.p2.weight).T))
    close(total, entropy.item() + orthogonal.item())
    plain = MCOENet(ModelConfig(experts=()))
    assert mcoe_loss(plain, output, labels)[2] == 0


def test_balance_loss_is_least_where_all_experts_are_used_alike():
    gates = torch.full((4, 8), 1 / 8)
    even = torch.arange(8).view(4, 2)
    assert balance_loss(gates, even) == 1
    one_sided = torch.tensor([[0.5, 0.5] + [0.0] * 6] * 4)
    assert balance_loss(one_sided, torch.tensor([[0, 1]] * 4)) == 4  # 8 · (½·½ + ½·½)
    free = torch.randn(16, 8, requires_grad=True)
    soft = free.softmax(-1)
    balance_loss(soft, torch.zeros(16, 1, dtype=torch.int64)).backward()
    assert (free.grad[:, 0] > 0).all() and (free.grad[:, 1:] < 0).all()  # the one that takes all is pushed down
    assert balance_loss(gates[:, :0], even[:, :0]) == 0  # an MLP stands in for the experts
