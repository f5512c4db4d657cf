"""From options to an engine: the one place where the window, headless runs and the benchmark get theirs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from mcoe.core.device import pick_device
from mcoe.core.errors import McoeError
from mcoe.core.paths import assets
from mcoe.core.timing import STRIDE
from mcoe.live.engine.engine import Engine
from mcoe.model.config import ModelConfig
from mcoe.model.facts import Facts, read_facts
from mcoe.model.network import MCOENet
from mcoe.model.weights import load_facts, load_weights

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
    """Build the network and its engine. Raises McoeError for weights or a device that cannot be had."""
    device = pick_device(options.device)
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
