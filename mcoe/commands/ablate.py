"""``mcoe ablate``: rows of the paper's ablation tables, trained with the same budget, in one table."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from mcoe.core.device import pick_device
from mcoe.core.errors import McoeError
from mcoe.core.files import SHARED, write_text
from mcoe.data.pack import open_or_build
from mcoe.evaluation.metrics import clean, table
from mcoe.evaluation.report import Report, evaluate_network, trained_with
from mcoe.model.config import ABLATIONS
from mcoe.model.weights import load_weights
from mcoe.train import run
from mcoe.train.options import add_arguments, build_config, options_from

#: What each row of Table 2 leaves out, as that table calls it; other rows are told by their number.
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
    parser = argparse.ArgumentParser("mcoe ablate", description=__doc__)
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
        write_text(path, json.dumps(clean([r.to_dict() for r in reports]), indent=1), SHARED)
    return 0


def expand(words: list[str]) -> list[str]:
    """Turn rows and whole tables into rows, each once. Raises McoeError for an unknown one."""
    rows: dict[str, None] = {}
    for word in words:
        found = [row for row in ABLATIONS if word in (row, row.split(".")[0])]
        if not found:
            tables = ", ".join(dict.fromkeys(row.split(".")[0] for row in ABLATIONS))
            raise McoeError(f"There is no ablation '{word}'; choose tables {tables} or {', '.join(ABLATIONS)}.")
        rows.update(dict.fromkeys(found))
    return list(rows)


def _evaluate(best: Path, row: str, args: argparse.Namespace) -> Report:
    net, metadata = load_weights(best)
    place = Path(args.data), Path(args.pack) if args.pack else None
    pack = open_or_build(*place, size=net.config.size, bins=net.config.bins)
    title = f"{row} {TITLES[row]}" if row in TITLES else row
    return evaluate_network(net, pack, title, device=pick_device(args.device), **trained_with(metadata))
