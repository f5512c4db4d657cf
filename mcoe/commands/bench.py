"""``mcoe bench``: what this machine does, measured side by side in one run."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable
from pathlib import Path

import torch

from mcoe.bench.measure import Row, table
from mcoe.core.device import DEVICES, device_name, pick_device
from mcoe.core.errors import McoeError
from mcoe.live.bundled import default_recording
from mcoe.live.engine.build import EngineOptions

GROUPS = ("network", "voxel", "decode", "emulator", "latency", "window")


def main(argv: list[str]) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="mcoe bench", description=__doc__)
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="measuring time per row (default: %(default)s)")
    parser.add_argument("--recordings", type=Path, nargs="+", help="files for the decoding rows (default: bundled)")
    parser.add_argument("--only", nargs="+", choices=GROUPS, help="run just these groups")
    args = parser.parse_args(argv)
    device = pick_device(args.device)
    torch.set_num_threads(args.threads)
    groups = _groups(args, device)
    versions = f"torch {torch.__version__}, Python {platform.python_version()}"
    print(f"Device: {device_name(device)}, {args.threads} CPU threads, {versions}\n")
    rows: list[Row] = []
    missing: list[str] = []
    for name in args.only or GROUPS:
        try:
            rows += groups(name)
        except McoeError as error:
            missing.append(f"{name}: {error}")
    print(table(rows))
    for line in missing:
        print(f"\nnot measured: {line}")
    return 0


def _groups(args: argparse.Namespace, device: torch.device) -> Callable[[str], list[Row]]:
    """Return what measures a group by its name; each imports its own needs, so that a GPU server without camera
    libraries or Qt can measure the network."""

    def measure(name: str) -> list[Row]:
        match name:
            case "network":
                from mcoe.bench.network import bench_network

                return bench_network(device, args.threads, args.seconds)
            case "latency":
                from mcoe.bench.network_latency import bench_latency

                return bench_latency(args.seconds, EngineOptions(device=args.device, threads=args.threads))
            case "window":
                from mcoe.bench.window import bench_window

                return bench_window(args.seconds, ["--device", args.device, "--threads", str(args.threads)])
        from mcoe.bench.events import bench_decode, bench_emulator, bench_voxel

        if name == "decode":
            return bench_decode(args.recordings or [default_recording()], args.seconds)
        return {"voxel": bench_voxel, "emulator": bench_emulator}[name](args.seconds)

    return measure
