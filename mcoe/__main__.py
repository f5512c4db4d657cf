"""``mcoe COMMAND``, or ``python -m mcoe COMMAND``: a command is a row here and a module that offers ``main(argv)``."""

from __future__ import annotations

import importlib
import sys

from mcoe.core.errors import McoeError
from mcoe.core.process import begin

COMMANDS = {
    "info": ("mcoe.commands.info", "parameters, multiply-adds, scan backend and device"),
    "bench": ("mcoe.commands.bench", "measure this machine: network, voxel grid, decoding"),
    "soak": ("mcoe.commands.soak", "run the whole application for minutes and watch what it gathers"),
    "synth": ("mcoe.data.virtual_eye.synth", "render a labelled data set of virtual eyes"),
    "train": ("mcoe.train", "train on a data set, real or virtual"),
    "evaluate": ("mcoe.commands.evaluate", "score weights, or files of predictions, as the paper's Table 1 does"),
    "ablate": ("mcoe.commands.ablate", "train rows of the paper's ablation tables with one budget"),
    "fuzz": ("mcoe.commands.fuzz", "read damaged files by the thousand and tell what breaks"),
    "export": ("mcoe.commands.export", "shrink trained weights for the application"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code; 2 for bad input, told in one sentence."""
    begin()
    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] in ("-h", "--help"):
        print("usage: mcoe COMMAND [options]\n")
        for name, (_, text) in COMMANDS.items():
            print(f"  {name:10} {text}")
        return 0
    if argv[0] not in COMMANDS:
        print(f"mcoe: there is no command '{argv[0]}'; choose one of {', '.join(COMMANDS)}.", file=sys.stderr)
        return 2
    try:
        return int(importlib.import_module(COMMANDS[argv[0]][0]).main(argv[1:]))
    except McoeError as error:
        print(f"mcoe {argv[0]}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"mcoe {argv[0]}: stopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
