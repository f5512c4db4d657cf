"""From options to an engine: the one place where the window, headless runs and the benchmark get theirs."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from mcoe.core.device import pick_device
from mcoe.core.errors import McoeError
from mcoe.core.paths import assets
from mcoe.core.timing import STRIDE
from mcoe.live.engine.engine import Engine, gpu_notice, is_gpu_fault
from mcoe.model.config import ModelConfig
from mcoe.model.facts import Facts, read_facts
from mcoe.model.network import MCOENet
from mcoe.model.weights import load_facts, load_weights

log = logging.getLogger(__name__)

#: The weights that come with the program.
BUNDLED = assets() / "mcoe.safetensors"
#: Seed of the untrained network, so that two runs without weights agree.
UNTRAINED_SEED = 0
#: Frames of a live sample: the older and the newer.
PAIR = 2


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What ``main.py`` and the settings dialog choose.

    Attributes:
        weights: safetensors file; None for the bundled ones if there are any, else an untrained network.
        device: ``auto``, ``cpu`` or ``cuda``.
        backbone: see :data:`mcoe.live.engine.backbones.BACKBONES`.
        scan: ``auto``, ``torch`` or ``mamba_ssm``.
        mask: modality to hide, or None.
        threads: CPU threads.
        config: shape of the network when there are no weights.
        untrained: without ``weights``, do not take the bundled ones either.
    """

    weights: Path | None = None
    device: str = "auto"
    backbone: str = "auto"
    scan: str = "auto"
    mask: str | None = None
    threads: int = 2
    config: ModelConfig = field(default_factory=ModelConfig)
    untrained: bool = False


def build_engine(options: EngineOptions) -> Engine:
    """Build the network and its engine, on the CPU where the GPU fails or is full: the engine's info says so.

    Raises:
        McoeError: weights or a device cannot be had.
    """
    device = pick_device(options.device)
    try:
        return _build(options, device)
    except RuntimeError as error:
        if device.type == "cpu" or not is_gpu_fault(error):
            raise
        log.warning("the GPU failed: %s", error)
        notice = gpu_notice(error)
    engine = _build(replace(options, backbone="auto", scan="auto"), torch.device("cpu"))
    engine.info = replace(engine.info, notice=notice)
    return engine


def _build(options: EngineOptions, device: torch.device) -> Engine:
    weights = weights_file(options)
    facts: Facts | None = None
    if weights is None:
        # Untrained: the window says so over the bars.
        torch.manual_seed(UNTRAINED_SEED)
        net = MCOENet(options.config)
    else:
        net, metadata = load_weights(weights)
        facts = read_facts(weights, metadata, net.config)
        if net.config.frames != PAIR:
            raise McoeError(
                f"The weights {weights} read {net.config.frames} frames at a time and the live pair is {PAIR}; "
                "load others."
            )
    net.to(device).use_scan(options.scan)
    engine = Engine(
        net,
        device=device,
        backbone=options.backbone,
        threads=options.threads,
        facts=facts,
        mask=options.mask,
    )
    engine.warm_up()
    return engine


def weights_file(options: EngineOptions) -> Path | None:
    """Return the weights that :func:`build_engine` would load; None for an untrained network."""
    return options.weights or (BUNDLED if BUNDLED.is_file() and not options.untrained else None)


def weights_stride(options: EngineOptions) -> int:
    """Return the gap of the frame pair that the weights were trained with, frames at 30 Hz.

    Raises:
        McoeError: the weights cannot be read.
    """
    weights = weights_file(options)
    stride = load_facts(weights).stride if weights is not None else None
    return STRIDE if stride is None else stride
