"""``mcoe info``: what the network costs, what it would run on here, what its weights say of themselves."""

from __future__ import annotations

import argparse
import platform
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mcoe.core.device import device_name, pick_device
from mcoe.live.engine.build import EngineOptions, weights_file
from mcoe.model.config import ModelConfig
from mcoe.model.network import MCOENet
from mcoe.model.scan import mamba_ssm_scan, resolve_scan
from mcoe.model.weights import load_facts

#: Multiply-adds of one forward pass as the paper's Table 4 gives them.
PAPER_MULTIPLY_ADDS = 1.77e9


class Part(NamedTuple):
    """One part of the network: its name, parameters, and multiply-adds of one sample."""

    name: str
    parameters: int
    multiply_adds: int


def parts(config: ModelConfig) -> list[Part]:
    """Parameters and multiply-adds of each part, one sample of m frames per modality.

    Counted are convolutions, matrix products, attention, and the scan (ΔA, ΔuB, decay·h, C·h: four a state); element
    by element work is not.
    """
    net = MCOENet(config).eval()
    c = config
    rgb = torch.zeros(1, c.frames, 3, c.size, c.size)
    voxel = torch.zeros(1, c.frames, c.bins, c.size, c.size)
    # The counter knows attention only as matrix products.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        net(rgb, voxel)
    flops = {name: sum(ops.values()) for name, ops in counter.get_flop_counts().items()}
    state = c.n_tokens * 2 * len(c.modalities) * c.expand * c.d * c.d_state
    pieces: list[tuple[str, str, nn.Module | None, int]] = [
        ("RGB backbone", "backbone_rgb", net.backbone_rgb, 0),
        ("event backbone", "backbone_event", net.backbone_event, 0),
        ("tokens", "head.project", net.head.project, 0),
        ("MCO-Mamba", "head.mamba", net.head.mamba, 4 * state),
        ("MCIB", "head.mcib", net.head.mcib, 0),
        ("HCE-MoE", "head.moe", net.head.moe, 0),
    ]
    found = []
    for title, name, module, extra in pieces:
        if module is None:
            continue
        inside = f"MCOENet.{name}"
        counted = sum(n for key, n in flops.items() if key == inside)
        if isinstance(module, nn.ModuleDict):  # it is never called itself
            counted = sum(n for key, n in flops.items() if key.startswith(inside + "."))
            embeddings = net.head.position.numel() + net.head.missing.numel()
        else:
            embeddings = 0
        parameters = sum(p.numel() for p in module.parameters()) + embeddings
        found.append(Part(title, parameters, counted // 2 + extra))
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="mcoe info", description=__doc__)
    parser.add_argument("--weights", type=Path, help="safetensors weights to tell of (default: the bundled ones)")
    args = parser.parse_args(argv)
    file = weights_file(EngineOptions(weights=args.weights))
    facts = load_facts(file) if file is not None else None
    config = facts.config if facts is not None else ModelConfig()
    table = parts(config)
    total = Part("total", sum(p.parameters for p in table), sum(p.multiply_adds for p in table))
    print(f"MCO-E Net, {config.frames} RGB frames and {config.frames} voxel grids of {config.size}×{config.size}")
    print(f"{'part':<16}{'parameters':>12}{'multiply-adds':>16}")
    for part in (*table, total):
        print(f"{part.name:<16}{part.parameters / 1e6:>10.2f} M{part.multiply_adds / 1e9:>14.4f} G")
    backbones = sum(p.multiply_adds for p in table if p.name.endswith("backbone"))
    print(f"{'paper, Table 4':<28}{PAPER_MULTIPLY_ADDS / 1e9:>14.2f} G (our backbones: {backbones / 1e9:.2f} G)")
    device = pick_device("auto")
    importable = "imports" if mamba_ssm_scan() is not None else "is not installed"
    print(f"scan backend    {resolve_scan('auto', device.type)[0]} (mamba_ssm {importable})")
    print(f"device          {device.type}: {device_name(device)}, {torch.get_num_threads()} CPU threads")
    print(f"versions        torch {torch.__version__}, Python {platform.python_version()}")
    print()
    if facts is None:
        print("weights         none are bundled: the window shows an untrained network, and says so")
    for what, words in facts.rows() if facts is not None else ():
        print(textwrap.fill(words, 120, initial_indent=f"{what:<27}", subsequent_indent=" " * 27))
    return 0


if __name__ == "__main__":
    sys.exit(main())
