"""The engine seam: one ResNet-18 image pass in whatever runs it fastest, the head stays in torch.

Grad-CAM needs gradients only from the head (the maps are its leaves), so the backbones may run anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mcoe.core.errors import McoeError
from mcoe.core.words import Modality
from mcoe.live.engine.openvino_resnet import resnet18_model
from mcoe.live.engine.openvino_runtime import load_openvino
from mcoe.model.network import MCOENet

#: Names for ``--backbone``; ``auto`` takes ``cuda_graph`` on a GPU and ``openvino`` on a CPU.
BACKBONES = ("auto", "openvino", "torch", "cuda_graph")


class Backbones(Protocol):
    """Both modalities' ResNet-18, one image at a time."""

    name: str

    def __call__(self, modality: Modality, image: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
        """Map an image to its stage-3 and stage-4 maps.

        ``(C, S, S)`` float32 becomes ``(1, 256, h3, w3)`` and ``(1, 512, h, w)`` float32.
        The maps are the caller's: the next call does not write into them.
        """
        ...


class TorchBackbones:
    """Eager torch, channels-last: runs everywhere, and is what the others are checked against."""

    name = "torch"

    def __init__(self, net: MCOENet, device: torch.device) -> None:
        self._net, self._device = net, device
        for modality in net.config.modalities:
            net.backbone(modality).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode(False)
    @torch.no_grad()
    def __call__(self, modality: Modality, image: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
        batch = torch.from_numpy(image)[None].to(self._device).contiguous(memory_format=torch.channels_last)
        maps = self._net.features(modality, batch)
        return maps.stage3.contiguous(), maps.stage4.contiguous()


class OpenVinoBackbones:
    """OpenVINO on the CPU; weights are folded and fused when the engine is built.

    Inference stays in float32 (``precision``), so results agree with torch's to rounding.
    """

    name = "openvino"

    def __init__(self, net: MCOENet, threads: int) -> None:
        try:
            openvino = load_openvino()
        except ImportError as error:
            raise McoeError("The openvino backbone needs the package openvino: pip install openvino.") from error
        core = openvino.Core()
        config = {
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
        }
        self._requests = {}
        for modality in net.config.modalities:
            model = resnet18_model(net.backbone(modality), net.config.size)
            self._requests[modality] = core.compile_model(model, "CPU", config).create_infer_request()

    def __call__(self, modality: Modality, image: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
        request = self._requests[modality]
        out = request.infer([np.ascontiguousarray(image[None])], share_inputs=True, share_outputs=False)
        stage3, stage4 = (torch.from_numpy(out[i]) for i in range(2))
        return stage3, stage4


class CudaGraphBackbones:
    """Half precision, channels-last, replayed as one CUDA graph per modality: one launch instead of sixty."""

    name = "cuda_graph"

    def __init__(self, net: MCOENet, device: torch.device) -> None:
        self._graphs = {}
        for modality in net.config.modalities:
            self._graphs[modality] = _capture(_Maps(net, modality), net, modality, device)

    def __call__(self, modality: Modality, image: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
        graph, pinned, static, outputs = self._graphs[modality]
        torch.cuda.current_stream().synchronize()  # the pinned buffer may still be on its way to the GPU
        pinned.copy_(torch.from_numpy(image)[None])
        static.copy_(pinned, non_blocking=True)
        graph.replay()
        # The graph writes the same tensors every time; the engine keeps maps for later windows.
        stage3, stage4 = (out.to(torch.float32, memory_format=torch.contiguous_format, copy=True) for out in outputs)
        return stage3, stage4


def build_backbones(name: str, net: MCOENet, device: torch.device, threads: int) -> Backbones:
    """Build the engine of that name (one of :data:`BACKBONES`). Raises McoeError where it cannot run."""
    if name == "auto":
        name = "cuda_graph" if device.type == "cuda" else "openvino"
    makers: dict[str, Callable[[], Backbones]] = {
        "torch": lambda: TorchBackbones(net, device),
        "openvino": lambda: OpenVinoBackbones(net, threads),
        "cuda_graph": lambda: CudaGraphBackbones(net, device),
    }
    if name not in makers:
        raise McoeError(f"There is no backbone engine '{name}'; choose one of {', '.join(BACKBONES)}.")
    if name == "cuda_graph" and device.type != "cuda":
        raise McoeError("The backbone engine cuda_graph needs a CUDA GPU; choose --backbone openvino or torch.")
    if name == "openvino" and device.type != "cpu":
        raise McoeError("The backbone engine openvino runs on the CPU; add --device cpu or choose another.")
    return makers[name]()


def _channels(net: MCOENet, modality: Modality) -> int:
    return 3 if modality == "rgb" else net.config.bins


class _Maps(torch.nn.Module):
    """One modality's backbone with its normalisation, as a module that exporters accept."""

    def __init__(self, net: MCOENet, modality: Modality) -> None:
        super().__init__()
        self.backbone = net.backbone(modality)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.backbone(image)
        return maps.stage3, maps.stage4


def _capture(module: _Maps, net: MCOENet, modality: Modality, device: torch.device):  # type: ignore[no-untyped-def]
    """Record one modality's half-precision pass. The graph keeps a half copy of the weights; the net stays float32."""
    import copy

    half = copy.deepcopy(module).eval().to(device, torch.float16)
    half.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    shape = (1, _channels(net, modality), net.config.size, net.config.size)
    pinned = torch.zeros(shape, dtype=torch.float16, pin_memory=True)
    static = torch.zeros(shape, dtype=torch.float16, device=device).contiguous(memory_format=torch.channels_last)
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.no_grad(), torch.cuda.stream(side):
        for _ in range(3):
            half(static)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.no_grad(), torch.cuda.graph(graph):
        outputs = half(static)
    return graph, pinned, static, outputs
