"""``mcoe fuzz``: damaged files by the thousand through the real readers; what breaks is named by kind and seed."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections import Counter
from collections.abc import Sequence

from mcoe.bench.fuzz import KINDS, run
from mcoe.core.progress import Bar


def main(argv: Sequence[str] | None = None) -> int:
    """Run the cases and print what was found; returns 1 if anything was."""
    parser = argparse.ArgumentParser(prog="mcoe fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=500, help="how many files (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first case (default %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="how many at a time (default %(default)s)")
    args = parser.parse_args(argv)
    logging.disable(logging.WARNING)  # thousands of damaged sidecars, each with a line of its own
    began = time.monotonic()
    with Bar("damaging files", args.cases, 0) as bar:
        found = run(args.cases, args.seed, args.workers, lambda done: bar.step())
    for finding in found:
        print(f"{finding.fault}: {finding.kind}, seed {finding.seed}: {finding.words}")
    counts = Counter(finding.fault for finding in found)
    told = ", ".join(f"{n} × {fault}" for fault, n in counts.items()) or "nothing found"
    print(f"{args.cases} files of {len(KINDS)} kinds in {time.monotonic() - began:.0f} s: {told}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
