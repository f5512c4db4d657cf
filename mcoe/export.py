"""``python -m mcoe export``: trained weights made small, with what the smaller storage costs in accuracy."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mcoe.data.pack import open_or_build
from mcoe.errors import McoeError
from mcoe.evaluate import Report, evaluate_network, trained_with
from mcoe.live.build import pick_device
from mcoe.metrics import clean, table
from mcoe.model.weights import STORAGES, load_weights, save_weights

#: The largest file that may be bundled, bytes.
LARGEST = 30_000_000


def main(argv: list[str]) -> int:
    """Export; return the exit code."""
    parser = argparse.ArgumentParser("python -m mcoe export", description=__doc__)
    add = parser.add_argument
    add("--weights", type=Path, required=True, help="trained weights, such as runs/mcoe/best.safetensors")
    add("--out", type=Path, required=True, help="file to write")
    add("--storage", choices=STORAGES, default="int8", help="int8 per channel (default), fp16 or fp32")
    add("--data", type=Path, help="data set or pack: evaluate before and after, and record the scores")
    add("--pack", type=Path, help="folder for the preprocessed data set (default: DATA/pack_SIZE)")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where --data is evaluated")
    args = parser.parse_args(argv)
    net, metadata = load_weights(args.weights)
    if args.out.resolve() == args.weights.resolve():
        raise McoeError(f"--out {args.out} would replace the weights it comes from; name another file.")
    if args.data is None:
        size = save_weights(args.out, net, metadata, args.storage)
        print(f"{args.out}: {size / 1e6:.1f} MB, {args.storage}; give --data to measure and record its scores")
        return _fits(size)
    pack = open_or_build(args.data, args.pack, size=net.config.size, bins=net.config.bins)
    how = trained_with(metadata) | {"device": pick_device(args.device)}
    before = evaluate_network(net, pack, f"{args.weights.stem}, as trained", **how)
    save_weights(args.out, net, metadata, args.storage)
    title = f"{args.out.name}, {args.storage}"
    after = evaluate_network(load_weights(args.out)[0], pack, title, **how)
    metadata = metadata | {"scores": clean(_recorded(before, after, pack.extra))}
    size = save_weights(args.out, net, metadata, args.storage)
    print(table([(r.title, r.values, r.bounds) for r in (before, after)]))
    lost = 100 * (before.values["WAR"] - after.values["WAR"])
    changed = int((before.runs[0].answers != after.runs[0].answers).sum())
    print(f"{args.out}: {size / 1e6:.1f} MB; WAR lost {lost:.2f} points, {changed} answers differ")
    return _fits(size)


def _recorded(before: Report, after: Report, extra: dict[str, Any]) -> dict[str, Any]:
    return {
        "measured_on": {"subset": "testing", "subjects": len(set(after.runs[0].subjects))} | extra,
        "values": after.values,
        "intervals_95": after.bounds,
        "WAR_before_storage": before.values["WAR"],
    }


def _fits(size: int) -> int:
    if size > LARGEST:
        print(f"This is more than the {LARGEST / 1e6:.0f} MB that may be bundled; train with a smaller --config d=….")
        return 1
    return 0
