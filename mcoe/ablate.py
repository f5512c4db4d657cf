"""``python -m mcoe ablate``: rows of the paper's ablation tables, trained with the same budget, in one table."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import torch

from mcoe.data.pack import open_or_build, write_atomically
from mcoe.errors import McoeError
from mcoe.evaluate import Report, evaluate_network, trained_with
from mcoe.metrics import clean, table
from mcoe.model.config import ABLATIONS
from mcoe.model.weights import load_weights
from mcoe.train import run
from mcoe.train.options import add_arguments, build_config, options_from

#: What each row of Table 2 leaves out; other rows are told by their number.
TITLES = {
    "2.A": "RGB only",
    "2.B": "events only",
    "2.C": "w/o MCO-Mamba",
    "2.D": "w/o MJOS",
    "2.E": "w/o MCIB",
    "2.F": "w/o HCE-MoE",
    "2.G": "1 kind of expert",
    "2.H": "2 kinds of experts",
    "2.I": "MCO-E Net",
}


def main(argv: list[str]) -> int:
    """Train every row that is not finished yet, evaluate all on the test subjects; return the exit code."""
    parser = argparse.ArgumentParser("python -m mcoe ablate", description=__doc__)
    parser.add_argument("rows", nargs="+", metavar="ROW", help="rows such as 2.A, or a table: 2 for all of Table 2")
    add_arguments(parser)
    parser.add_argument("--runs", type=Path, default=Path("runs/ablate"), help="folder of the runs (runs/ablate)")
    parser.add_argument("--json", type=Path, help="write scores and intervals here (default: RUNS/table.json)")
    args = parser.parse_args(argv)
    reports = []
    for row in expand(args.rows):
        print(f"row {row} {TITLES.get(row, '')}")
        options = options_from(args, args.runs / row)
        best = run(options, build_config(args.config, row))
        if int(os.environ.get("RANK", 0)):
            continue  # under torchrun the first process alone evaluates
        reports.append(_evaluate(best, row, args))
        print(table([(r.title, r.values, r.bounds) for r in reports]), flush=True)
        path = args.json or args.runs / "table.json"
        write_atomically(path, json.dumps(clean([r.to_dict() for r in reports]), indent=1))
    return 0


def expand(words: list[str]) -> list[str]:
    """Turn rows and whole tables into rows, each once. Raises McoeError for an unknown one."""
    rows: dict[str, None] = {}
    for word in words:
        found = [row for row in ABLATIONS if word in (row, row.split(".")[0])]
        if not found:
            raise McoeError(f"There is no ablation '{word}'; choose tables 2, 5, 6, 7, 8 or {', '.join(ABLATIONS)}.")
        rows.update(dict.fromkeys(found))
    return list(rows)


def _evaluate(best: Path, row: str, args: argparse.Namespace) -> Report:
    net, metadata = load_weights(best)
    place = Path(args.data), Path(args.pack) if args.pack else None
    pack = open_or_build(*place, size=net.config.size, bins=net.config.bins)
    cuda = args.device != "cpu" and torch.cuda.is_available()
    device = torch.device("cuda" if cuda else "cpu")
    title = f"{row} {TITLES[row]}" if row in TITLES else row
    return evaluate_network(net, pack, title, device=device, **trained_with(metadata))
