"""The live network: keeps the older frames' features, so a new window costs one RGB and one event pass, not four."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import logging
import time
from collections import OrderedDict
from collections.abc import Hashable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mcoe.core.errors import McoeError
from mcoe.core.timing import WINDOW_US
from mcoe.core.words import Modality
from mcoe.events.packets import empty_events
from mcoe.explain.gradcam import explain_step
from mcoe.explain.trace import expert_trace
from mcoe.live.engine.backbones import build_backbones
from mcoe.model.facts import Facts
from mcoe.model.head import HeadOutput
from mcoe.model.network import MCOENet
from mcoe.results import EngineInfo, Prediction, Question, Window

log = logging.getLogger(__name__)

#: Feature maps kept per modality and light; covers the pair's gap at 60 Hz with room.
KEPT = 64
DEFAULT_QUESTION = Question()


class Engine:
    """Streaming inference and its explanation, one window at a time, from one thread.

    Args:
        net: the network, in eval mode, on ``device``.
        device: ``cpu`` or ``cuda``.
        backbone: engine of the ResNet passes, one of :data:`mcoe.live.engine.backbones.BACKBONES`.
        threads: CPU threads for the passes. Two engines' thread pools that fight cost ten times the work. They hold
            within a step only, so that engines side by side, and the rest of the process, keep their own.
        facts: what the weights file says of itself; None for an untrained network.
        mask: modality to hide (``rgb`` or ``event``); the network's learned stand-in takes its place.
    """

    def __init__(
        self,
        net: MCOENet,
        *,
        device: torch.device,
        backbone: str = "auto",
        threads: int = 2,
        facts: Facts | None = None,
        mask: str | None = None,
    ) -> None:
        self._temperature = facts.temperature if facts is not None else 1.0
        self._shown = tuple(m for m in net.config.modalities if m != mask)
        self._threads = threads
        #: The same network in the computer's own memory, for when the GPU fails: what it holds can be lost with it.
        self._spare = copy.deepcopy(net).cpu() if device.type != "cpu" else None
        self._cache: OrderedDict[tuple[str, int, int, Hashable], tuple[Tensor, Tensor]] = OrderedDict()
        self._place(net, device, backbone)
        self.info = EngineInfo(
            device=self._device_name(),
            backbone=self._backbones.name,
            scan=net.scan_name,
            trained=facts is not None and facts.trained,
            weights=facts.name if facts is not None else "",
            size=net.config.size,
            bins=net.config.bins,
            facts=facts,
            window_us=facts.window_us if facts is not None else WINDOW_US,
        )

    def _place(self, net: MCOENet, device: torch.device, backbone: str) -> None:
        self._net = net.eval().to(device)
        self._net.requires_grad_(False)  # Grad-CAM differentiates towards the maps alone
        self._device = device
        self._backbones = build_backbones(backbone, net, device, self._threads)
        # The head's tensors are small: a second thread gains little, and costs tenfold when another process is busy.
        self.torch_threads = self._threads if self._backbones.name == "torch" else 1

    def _device_name(self) -> str:
        return (
            torch.cuda.get_device_name(self._device) if self._device.type == "cuda" else f"CPU, {self._threads} threads"
        )

    def step(
        self, older: Window, window: Window, question: Question = DEFAULT_QUESTION
    ) -> tuple[Prediction, dict[str, float]]:
        """Predict one window paired with its older one.

        Args:
            question: what to explain of it.

        Returns:
            The prediction, and milliseconds for ``backbone`` and ``head`` (forward, Grad-CAM's backward, readings).

        A GPU that fails meanwhile, or has no memory left, is left for the CPU: ``info`` says so from then on.

        Raises:
            McoeError: the pair has nothing that the network looks at.
        """
        try:
            with _torch_threads(self.torch_threads):
                return self._step(older, window, question)
        except RuntimeError as error:
            if self._spare is None or not is_gpu_fault(error):
                raise
            self._leave_gpu(self._spare, error)
        with _torch_threads(self.torch_threads):
            return self._step(older, window, question)

    def _leave_gpu(self, spare: MCOENet, error: RuntimeError) -> None:
        """Go on with the network that is kept in the computer's own memory."""
        log.warning("%s failed: %s", self.info.device, error)
        notice = gpu_notice(error, self.info.device)
        self._spare = None
        self._cache.clear()  # its maps lie on the GPU
        spare.use_scan("auto")
        self._place(spare, torch.device("cpu"), "auto")
        self.info = dataclasses.replace(
            self.info, device=self._device_name(), backbone=self._backbones.name, scan=spare.scan_name, notice=notice
        )

    def _step(self, older: Window, window: Window, question: Question) -> tuple[Prediction, dict[str, float]]:
        started = time.perf_counter()
        layer = question.layer if question.cam else "stage4"
        maps = {m: self._pair(m, older, window, layer) for m in self._shown}
        if all(pair is None for pair in maps.values()):
            raise McoeError(
                f"The network has neither frames nor events to look at; it needs {' or '.join(self._shown)}."
            )
        self._synchronise()
        features = time.perf_counter()
        head, cam_rgb, cam_event, cam_class = explain_step(
            self._net,
            maps.get("rgb"),
            maps.get("event"),
            target=question.target,
            versus=question.versus,
            cam=question.cam,
            layer=layer,
        )
        rgb_only = event_only = None
        if question.readings and maps.get("rgb") is not None and maps.get("event") is not None:
            rgb_only, event_only = self._readings(older, window)
        trace = expert_trace(self._calibrated(head), self._net.config)
        prediction = Prediction(
            **{field.name: getattr(trace, field.name) for field in dataclasses.fields(trace)},
            cam_rgb=None if cam_rgb is None else cam_rgb[0].cpu().numpy(),
            cam_event=None if cam_event is None else cam_event[0].cpu().numpy(),
            cam_class=int(cam_class[0]),
            cam_versus=question.versus,
            stride=window.index - older.index,
            rgb_only=rgb_only,
            event_only=event_only,
        )
        done = time.perf_counter()
        return prediction, {"backbone": (features - started) * 1e3, "head": (done - features) * 1e3}

    def warm_up(self) -> None:
        """Answer an empty moment, so that what is compiled at first use does not hold up the first real one."""
        side, bins = self.info.size, self.info.bins
        rgb, voxel = np.zeros((3, side, side), np.float32), np.zeros((bins, side, side), np.float32)
        empty = Window(0, -1, 0, 1, None, empty_events(), (0, 0, side), rgb, voxel)
        self.step(empty, empty, Question(readings=True))
        self._cache.clear()

    @torch.no_grad()
    def _readings(self, older: Window, window: Window) -> NDArray[np.float32]:
        """Return the probabilities ``(2, J)`` of RGB alone and of events alone, from features already there."""
        pairs = [self._pair(m, older, window, "stage4") for m in self._shown]
        rgb, event = (pair.expand(2, *pair.shape[1:]) for pair in pairs if pair is not None)  # (2, m, 512, h, w)
        here = torch.tensor([True, False], device=self._device)
        said: HeadOutput = self._net.head(rgb, event, rgb_present=here, event_present=~here)
        return np.asarray(self._calibrated(said).logits.softmax(-1).float().cpu().numpy())

    def _calibrated(self, said: HeadOutput) -> HeadOutput:
        """Divide all logits by the temperature that the weights were given, so that their probabilities are shares."""
        t = self._temperature
        return said._replace(logits=said.logits / t, expert_logits=said.expert_logits / t)

    def _pair(self, modality: Modality, older: Window, window: Window, layer: str) -> Tensor | None:
        """Return the pair's maps of ``layer``, ``(1, m, C, h, w)``, or None if either image is missing."""
        maps = [self._maps(modality, w) for w in (older, window)]
        if any(m is None for m in maps):
            return None
        return torch.stack([m[layer == "stage4"] for m in maps if m is not None], 1)

    def _maps(self, modality: Modality, window: Window) -> tuple[Tensor, Tensor] | None:
        image = window.rgb if modality == "rgb" else window.voxel
        if image is None:
            return None
        key = (modality, window.epoch, window.index, window.light)
        if key not in self._cache:
            self._cache[key] = self._backbones(modality, image)
            while len(self._cache) > 4 * KEPT:
                self._cache.popitem(last=False)
        return self._cache[key]

    def _synchronise(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


def is_gpu_fault(error: RuntimeError) -> bool:
    """Whether the GPU failed, rather than we: its memory is full, or it is lost."""
    if isinstance(error, (torch.OutOfMemoryError, torch.AcceleratorError)):
        return True
    return any(word in str(error) for word in ("CUDA", "cuDNN", "CUBLAS", "CUFFT"))


def gpu_notice(error: RuntimeError, name: str = "") -> str:
    """Return one sentence on what became of the GPU called ``name``."""
    full = isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error)
    why = "has no memory left" if full else "failed"
    return (
        f"{f'The GPU {name}'.rstrip()} {why}; the network goes on on the CPU. Restart the program to use the GPU again."
    )


@contextlib.contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    """Give torch ``count`` threads for a while: its setting belongs to the process, not to a network."""
    before = torch.get_num_threads()
    if before == count:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
