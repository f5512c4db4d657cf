"""The benchmark command: which groups there are, and the machine they ran on."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable
from pathlib import Path

import torch

from mcoe.bench.events import bench_decode, bench_emulator, bench_voxel
from mcoe.bench.measure import Row, table
from mcoe.bench.network import bench_network
from mcoe.bench.network_latency import bench_latency
from mcoe.bench.window import bench_window
from mcoe.errors import McoeError
from mcoe.live.build import EngineOptions, pick_device

DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo.aedat4"
GROUPS = ("network", "voxel", "decode", "emulator", "latency", "window")


def main(argv: list[str]) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m mcoe bench", description=__doc__)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="measuring time per row (default: %(default)s)")
    parser.add_argument("--recordings", type=Path, nargs="+", default=[DEMO], help="files for the decoding rows")
    parser.add_argument("--only", nargs="+", choices=GROUPS, help="run just these groups")
    args = parser.parse_args(argv)
    device = pick_device(args.device)
    torch.set_num_threads(args.threads)
    groups: dict[str, Callable[[], list[Row]]] = {
        "network": lambda: bench_network(device, args.threads, args.seconds),
        "voxel": lambda: bench_voxel(args.seconds),
        "decode": lambda: bench_decode(args.recordings, args.seconds),
        "emulator": lambda: bench_emulator(args.seconds),
        "latency": lambda: bench_latency(args.seconds, EngineOptions(device=args.device, threads=args.threads)),
        "window": lambda: bench_window(args.seconds, ["--device", args.device, "--threads", str(args.threads)]),
    }
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{platform.processor() or 'CPU'}"
    print(
        f"Device: {where}, {args.threads} CPU threads, torch {torch.__version__}, Python {platform.python_version()}\n"
    )
    rows: list[Row] = []
    missing: list[str] = []
    for name in args.only or groups:
        try:
            rows += groups[name]()
        except McoeError as error:
            missing.append(f"{name}: {error}")
    print(table(rows))
    for line in missing:
        print(f"\nnot measured: {line}")
    return 0
