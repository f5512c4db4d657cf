"""The streaming engine says what the whole network says, whichever engine runs the backbones."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from mcoe.core.device import pick_device
from mcoe.core.errors import McoeError
from mcoe.core.timing import WINDOW_US
from mcoe.events.packets import empty_events
from mcoe.live.engine import build
from mcoe.live.engine.backbones import build_backbones
from mcoe.live.engine.build import EngineOptions, build_engine
from mcoe.live.engine.engine import Engine
from mcoe.model.config import ModelConfig
from mcoe.model.facts import read_facts
from mcoe.model.network import MCOENet
from mcoe.model.weights import save_weights
from mcoe.results import Question, Window

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
    return Window(index, 0, index * WINDOW_US, (index + 1) * WINDOW_US, None, empty_events(), (0, 0, 1), image, voxel)


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


def test_probabilities_are_at_the_temperature_that_the_weights_were_given(net: MCOENet) -> None:
    warm = read_facts(Path("warm.safetensors"), {"temperature": 2.0}, SMALL)
    plain, softened = (
        Engine(net, device=CPU, backbone="torch", facts=facts).step(window(0), window(12), Question(readings=True))[0]
        for facts in (None, warm)
    )
    assert np.allclose(softened.logits, plain.logits / 2, atol=1e-6)
    assert np.allclose(softened.expert_logits, plain.expert_logits / 2, atol=1e-6)
    for name in ("probabilities", "rgb_only", "event_only"):
        sharp, soft = getattr(plain, name), getattr(softened, name)
        want = np.sqrt(sharp) / np.sqrt(sharp).sum()  # softmax(z / 2)
        assert np.allclose(soft, want, atol=1e-5)
        assert soft.max() < sharp.max()


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


@pytest.fixture
def threads_before() -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield 3
    torch.set_num_threads(before)


def test_a_second_engine_leaves_the_first_and_the_process_their_threads(net: MCOENet, threads_before: int) -> None:
    seen: list[tuple[str, int]] = []

    def watched(name: str, threads: int) -> Engine:
        engine = Engine(net, device=CPU, backbone="torch", threads=threads)
        inner = engine._backbones
        engine._backbones = lambda m, image: seen.append((name, torch.get_num_threads())) or inner(m, image)  # type: ignore[assignment, func-returns-value]
        return engine

    first = watched("first", 2)
    first.step(window(0), window(1))
    second = watched("second", 1)
    assert torch.get_num_threads() == threads_before
    for engine in (first, second, first):
        engine.step(window(2), window(3))
        assert torch.get_num_threads() == threads_before
    with pytest.raises(McoeError):
        first.step(window(4, False, False), window(5, False, False))
    assert torch.get_num_threads() == threads_before
    assert set(seen) == {("first", 2), ("second", 1)}


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


class Gpu:
    """Backbones on a device that fails from the given call on, as torch tells of it."""

    name = "cuda_graph"

    def __init__(self, net: MCOENet, error: RuntimeError, calls: int) -> None:
        self._real, self._error, self._left = build_backbones("torch", net, CPU, 1), error, calls

    def __call__(self, modality, image):  # type: ignore[no-untyped-def]
        self._left -= 1
        if self._left < 0:
            raise self._error
        return self._real(modality, image)


FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
LOST = RuntimeError("CUDA error: the launch timed out and was terminated")


def failing(net: MCOENet, error: RuntimeError, calls: int) -> Engine:
    engine = Engine(net, device=CPU, backbone="torch")
    engine._spare = copy.deepcopy(net)
    engine._backbones = Gpu(net, error, calls)  # type: ignore[assignment]
    return engine


@pytest.mark.parametrize(("error", "words"), [(FULL, "has no memory left"), (LOST, "failed")])
@pytest.mark.parametrize("calls", [0, 3, 6])
def test_a_gpu_that_fails_is_left_for_the_cpu_and_says_so(
    net: MCOENet, error: RuntimeError, words: str, calls: int
) -> None:
    engine, whole = failing(net, error, calls), Engine(net, device=CPU, backbone="openvino")
    for number in range(4):
        pair = window(number), window(number + 12)
        assert np.allclose(engine.step(*pair)[0].logits, whole.step(*pair)[0].logits, atol=1e-4)
    assert engine.info.backbone == "openvino"
    assert engine.info.device.startswith("CPU")
    assert words in engine.info.notice
    assert "goes on on the CPU" in engine.info.notice


def test_a_fault_of_our_own_is_no_gpus_and_the_cpu_has_nothing_to_fall_back_to(net: MCOENet) -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        failing(net, RuntimeError("mat1 and mat2 shapes cannot be multiplied"), 0).step(window(0), window(1))
    engine = failing(net, LOST, 0)
    engine._spare = None
    with pytest.raises(RuntimeError, match="CUDA"):
        engine.step(window(0), window(1))


def test_a_gpu_that_cannot_even_hold_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    real = build._build

    def full(options: EngineOptions, device: torch.device) -> Engine:
        if device.type != "cpu":
            raise FULL
        return real(options, device)

    monkeypatch.setattr(build, "_build", full)
    monkeypatch.setattr(build, "pick_device", lambda name: torch.device("meta"))
    engine = build_engine(EngineOptions(config=SMALL, untrained=True, backbone="cuda_graph", device="cuda"))
    assert engine.info.backbone == "openvino"
    assert "has no memory left" in engine.info.notice


@pytest.mark.parametrize("missing", ["rgb", "event"])
@pytest.mark.parametrize("half", [0, 1])
def test_a_pair_that_lacks_half_of_a_modality_is_answered_as_if_it_lacked_it_whole(
    net: MCOENet, missing: str, half: int
) -> None:
    lacks = {"rgb" if missing == "rgb" else "voxel": None}
    pair = [window(0), window(12)]
    none = [dataclasses.replace(each, **lacks) for each in pair]
    pair[half] = none[half]
    said, whole = (Engine(net, device=CPU, backbone="torch").step(*each)[0] for each in (pair, none))
    assert np.allclose(said.logits, whole.logits, atol=1e-5)
    assert (said.cam_rgb if missing == "rgb" else said.cam_event) is None
