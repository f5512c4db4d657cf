"""The streaming engine says what the whole network says, whichever engine runs the backbones."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from mcoe.errors import McoeError
from mcoe.events.packets import empty_events
from mcoe.live import build
from mcoe.live.backbones import build_backbones
from mcoe.live.build import EngineOptions, build_engine, pick_device
from mcoe.live.engine import Engine
from mcoe.live.result import Question, Window
from mcoe.model.config import ModelConfig
from mcoe.model.network import MCOENet
from mcoe.model.weights import save_weights

CPU = torch.device("cpu")
SMALL = ModelConfig(size=64, d=32, heads=4, deep_layers=1, focal_width=16)


@pytest.fixture(scope="module")
def net() -> MCOENet:
    torch.manual_seed(0)
    return MCOENet(SMALL).eval()


def window(index: int, rgb: bool = True, event: bool = True) -> Window:
    rng = np.random.default_rng(index)
    shape = (3, SMALL.size, SMALL.size)
    image = rng.random(shape, np.float32) if rgb else None
    voxel = rng.normal(0, 0.3, shape).astype(np.float32) if event else None
    return Window(index, 0, index * 33_000, (index + 1) * 33_000, None, empty_events(), (0, 0, 1), image, voxel)


def full(net: MCOENet, *windows: Window) -> np.ndarray:
    rgb, event = (torch.from_numpy(np.stack([getattr(w, name) for w in windows]))[None] for name in ("rgb", "voxel"))
    with torch.no_grad():
        return net(rgb, event).logits[0].numpy()


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_streaming_equals_the_full_forward(net: MCOENet, name: str) -> None:
    engine = Engine(net, device=CPU, backbone=name)
    for i in range(3):
        prediction, stages = engine.step(window(i), window(i + 12))
        assert np.allclose(prediction.logits, full(net, window(i), window(i + 12)), atol=1e-4)
        assert set(stages) == {"backbone", "head"}
        assert prediction.stride == 12
    assert prediction.cam_rgb is not None
    assert prediction.cam_rgb.shape == (2, 2, 2)
    assert prediction.weights.sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", ["torch", "openvino"])
@pytest.mark.parametrize("norms", [("fixed", "fixed"), ("frame", "frame")])
def test_frames_are_normalised_alike_in_every_engine(name: str, norms: tuple[str, str]) -> None:
    torch.manual_seed(1)
    options = {"rgb_norm": norms[0], "event_norm": norms[1], "event_std": 0.3, "rgb_mean": (0.2,) * 3}
    net = MCOENet(dataclasses.replace(SMALL, **options)).eval()
    engine = Engine(net, device=CPU, backbone=name)
    pair = window(0), window(12)
    assert np.allclose(engine.step(*pair)[0].logits, full(net, *pair), atol=1e-4)
    empty = [dataclasses.replace(w, rgb=w.rgb * 0, voxel=w.voxel * 0) for w in pair]  # type: ignore[operator]
    said = Engine(net, device=CPU, backbone=name).step(*empty)[0].logits
    assert np.allclose(said, full(net, *empty), atol=1e-4)
    assert np.isfinite(said).all()


def test_what_came_before_changes_no_bit(net: MCOENet) -> None:
    busy, fresh = (Engine(net, device=CPU, backbone="openvino") for _ in range(2))
    for i in range(5):
        busy.step(window(i), window(i + 3))
    a, b = (e.step(window(5), window(8))[0] for e in (busy, fresh))
    assert np.array_equal(a.logits, b.logits)


def test_the_older_frame_is_not_computed_again(net: MCOENet) -> None:
    engine = Engine(net, device=CPU, backbone="torch")
    calls = []
    inner = engine._backbones
    engine._backbones = lambda m, image: calls.append(m) or inner(m, image)  # type: ignore[assignment, func-returns-value]
    engine.step(window(0), window(1))
    engine.step(window(1), window(2))
    assert calls == ["rgb", "rgb", "event", "event", "rgb", "event"]


def test_a_masked_and_a_missing_modality_are_the_same(net: MCOENet) -> None:
    masked = Engine(net, device=CPU, backbone="torch", mask="event").step(window(0), window(1))[0]
    engine = Engine(net, device=CPU, backbone="torch")
    missing = engine.step(window(0, event=False), window(1, event=False))[0]
    both = engine.step(window(2), window(3))[0]
    assert np.array_equal(masked.logits, missing.logits)
    assert masked.cam_event is None
    assert not np.array_equal(masked.logits, both.logits)


def test_a_window_without_anything_is_refused(net: MCOENet) -> None:
    engine = Engine(net, device=CPU, backbone="torch", mask="event")
    with pytest.raises(McoeError, match="neither"):
        engine.step(window(0, rgb=False), window(1, rgb=False))


def test_the_pinned_class_is_explained(net: MCOENet) -> None:
    engine = Engine(net, device=CPU, backbone="torch")
    a, b = (engine.step(window(0), window(1), Question(target=t))[0] for t in (1, 2))
    assert (a.cam_class, b.cam_class) == (1, 2)
    assert not np.array_equal(a.cam_rgb, b.cam_rgb)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["cuda_graph", "nonsense"])
def test_an_engine_that_cannot_run_says_so(net: MCOENet, name: str) -> None:
    with pytest.raises(McoeError, match=name):
        build_backbones(name, net, CPU, 1)


def test_cuda_without_a_gpu_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto").type == "cpu"
    with pytest.raises(McoeError, match="--device cpu"):
        pick_device("cuda")


def test_untrained_engines_agree_and_say_so() -> None:
    options = EngineOptions(config=SMALL, backbone="torch", untrained=True)
    a, b = (build_engine(options) for _ in range(2))
    assert not a.info.trained
    x, y = (e.step(window(0), window(1))[0].logits for e in (a, b))
    assert np.array_equal(x, y)


def test_the_bundled_weights_are_taken_unless_none_are_asked_for(
    net: MCOENet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled, named = tmp_path / "bundled.safetensors", tmp_path / "named.safetensors"
    for path in (bundled, named):
        save_weights(path, net, {})
    monkeypatch.setattr(build, "BUNDLED", bundled)
    options = EngineOptions(config=SMALL, backbone="torch")
    assert build_engine(options).info.weights == "bundled.safetensors"
    assert build_engine(dataclasses.replace(options, untrained=True)).info.weights == ""
    assert build_engine(dataclasses.replace(options, untrained=True, weights=named)).info.weights == "named.safetensors"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_cuda_graph_agrees_with_float32(net: MCOENet) -> None:
    device = torch.device("cuda")
    on_gpu = MCOENet(SMALL).eval()
    on_gpu.load_state_dict(net.state_dict())
    engine = Engine(on_gpu, device=device, backbone="cuda_graph")
    for i in range(3):
        got = engine.step(window(i), window(i + 2))[0].probabilities
        logits = torch.from_numpy(full(net, window(i), window(i + 2)))
        assert np.allclose(got, logits.softmax(-1).numpy(), atol=5e-3)


def test_readings_equal_masked_runs(net: MCOENet) -> None:
    prediction = Engine(net, device=CPU, backbone="torch").step(window(0), window(1), Question(readings=True))[0]
    for said, mask in ((prediction.rgb_only, "event"), (prediction.event_only, "rgb")):
        alone = Engine(net, device=CPU, backbone="torch", mask=mask).step(window(0), window(1))[0]
        assert np.allclose(said, alone.probabilities, atol=1e-6)  # type: ignore[arg-type]


def test_the_difference_of_two_emotions_is_signed_and_antisymmetric(net: MCOENet) -> None:
    engine = Engine(net, device=CPU, backbone="torch")
    a, b = (engine.step(window(0), window(1), Question(target=t, versus=v))[0] for t, v in ((1, 2), (2, 1)))
    assert a.cam_rgb is not None
    assert a.cam_rgb.min() < 0
    assert np.allclose(a.cam_rgb, -b.cam_rgb, atol=1e-6)  # type: ignore[operator]


def test_stage_3_is_finer(net: MCOENet) -> None:
    engine = Engine(net, device=CPU, backbone="openvino")
    assert engine.step(window(0), window(1), Question(layer="stage3"))[0].cam_event.shape == (2, 4, 4)  # type: ignore[union-attr]


def test_the_same_moment_in_another_light_is_not_mistaken_for_it(net: MCOENet) -> None:
    engine = Engine(net, device=CPU, backbone="torch")
    plain = engine.step(window(0), window(1))[0]
    other = dataclasses.replace(window(1), rgb=window(7).rgb, light="dim")
    assert not np.array_equal(engine.step(window(0), other)[0].logits, plain.logits)
    assert np.array_equal(engine.step(window(0), window(1))[0].logits, plain.logits)


def test_a_built_engine_has_answered_before_it_is_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Question] = []
    step = Engine.step
    monkeypatch.setattr(Engine, "step", lambda self, *args: asked.append(args[2]) or step(self, *args))  # type: ignore[func-returns-value]
    engine = build_engine(EngineOptions(device="cpu", backbone="torch", config=SMALL, untrained=True))
    assert [(q.cam, q.readings) for q in asked] == [(True, True)]
    assert not engine._cache, "the empty moment is no moment of any stream"
