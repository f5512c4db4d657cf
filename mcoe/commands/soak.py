"""``mcoe soak``: run the whole application for minutes and watch from outside what it gathers and what it loses."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcoe.bench.loopback import Server
from mcoe.bench.window import window_module
from mcoe.core.errors import McoeError
from mcoe.live.bundled import default_recording

PARTS = ("replay", "live", "reopen")
#: What is gathered up to then is the start's: caches, arenas, the first of everything, s.
SETTLED_S = 120.0
#: Events per second of the live stream.
RATE = 50_000
#: From a source's first result to its reopening, s.
REOPEN_S = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The application at one moment: resident MiB of it and of its children, threads, open handles, children."""

    seconds: float
    mib: float
    children_mib: float
    threads: int
    handles: int
    children: int


def main(argv: list[str]) -> int:
    """Run the parts and print a table; 1 where the application did not get through."""
    parser = argparse.ArgumentParser(prog="mcoe soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="of each part (default: %(default)s)")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="run just these parts")
    args = parser.parse_args(argv)
    if args.minutes <= 0:
        parser.error("--minutes must be above 0")
    print(_HEAD, flush=True)
    through = True
    for part in args.only or PARTS:
        try:
            samples, figures = _run(part, 60 * args.minutes)
            print(_row(part, samples, figures), flush=True)
        except McoeError as error:
            print(f"{part:<8}  {error}", flush=True)
            through = False
    return 0 if through else 1


def _run(part: str, seconds: float) -> tuple[list[Sample], dict[str, float]]:
    """Run the application for so long; return what was sampled each second, and what it says of itself at its end."""
    options = ["--size", "1280x800", "--watch-stalls", str(seconds)]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mcoe-soak-")))
        if part == "live":
            server = Server(RATE, seconds + 120)
            stack.callback(server.stop)
            options += ["--camera", server.address]
        else:
            recording = folder / "soak.aedat4"  # a bundled one goes on to the next at its end
            shutil.copy(default_recording(), recording)
            options += ["--replay", str(recording), "--loop"]
        if part == "reopen":
            options += ["--reopen-every", str(REOPEN_S)]
        own = {f"XDG_{kind}_HOME": str(folder / kind) for kind in ("CONFIG", "STATE")}
        here = {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
        environ = {**os.environ, **own, **here, **stack.enter_context(_screen())}
        with (folder / "out").open("w+") as out, (folder / "err").open("w+") as err:
            command = [sys.executable, "-m", window_module(), *options]
            process = subprocess.Popen(command, env=environ, stdout=out, stderr=err)
            stack.callback(process.wait)
            stack.callback(process.kill)
            samples = list(_samples(process, time.monotonic() + seconds + 240))
            out.seek(0)
            err.seek(0)
            said, wrong = out.read().strip(), err.read().strip()
        if process.poll() != 0 or not said:
            last = (wrong or "it said nothing").splitlines()[-1]
            raise McoeError(f"The application did not get through ({process.poll()}): {last}")
        return samples, json.loads(said.splitlines()[-1])


@contextlib.contextmanager
def _screen() -> Iterator[dict[str, str]]:
    """A screen of our own where Xvfb is installed; else Qt draws into memory, which is the same to all but X."""
    if shutil.which("Xvfb") is None:
        yield {"QT_QPA_PLATFORM": "offscreen"}
        return
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1920x1080x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            yield {"DISPLAY": f":{server.stdout.readline().strip()}", "QT_QPA_PLATFORM": "xcb"}
        finally:
            server.kill()


def _samples(process: subprocess.Popen[bytes], until: float) -> Iterator[Sample]:
    began = time.monotonic()
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError, ValueError):  # it ends while it is looked at
            yield _sample(process.pid, time.monotonic() - began)
        time.sleep(1)


def _sample(pid: int, seconds: float) -> Sample:
    threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208
    children = [
        int(child) for thread in threads for child in Path(f"/proc/{pid}/task/{thread}/children").read_text().split()
    ]
    handles = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208
    return Sample(seconds, _mib(pid), sum(map(_mib, children)), len(threads), handles, len(children))


def _mib(pid: int) -> float:
    """Return the memory that only this process holds, MiB: what it shares with files comes and goes with the system."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_Dirty")) / 1024


def _row(part: str, samples: Sequence[Sample], figures: dict[str, float]) -> str:
    samples = samples[:-3] or samples  # what it lets go of at its end
    settled = [s for s in samples if s.seconds >= min(SETTLED_S, samples[-1].seconds / 2)]
    few = max(1, len(settled) // 5)
    # A reopening lets go of one network and loads the next: what counts is what is left in between.
    typical = min if part == "reopen" else statistics.median
    first, last = (typical([s.mib for s in some]) for some in (settled[:few], settled[-few:]))

    def span(name: str) -> str:
        values = [getattr(s, name) for s in settled]
        return f"{round(min(values))} – {round(max(values))}"

    cells = (
        part,
        f"{first:.1f} → {last:.1f}",
        f"{100 * (last / first - 1):+.1f} %",
        *map(span, ("children_mib", "threads", "handles", "children")),
        f"{figures['p95_ms']:.0f} / {figures['longest_ms']:.0f}",
        f"{figures['results']:,}",
        f"{figures['dropped_windows']:,} + {figures['dropped_packets']:,}",
    )
    return _line(cells)


def _line(cells: Sequence[str]) -> str:
    return "  ".join(cell.rjust(width) for cell, width in zip(cells, _COLUMNS.values(), strict=True))


#: Titles and widths of the table. Stalls are the 95th percentile and the longest of the window's event loop; dropped
#: are windows, because the network was busy, and packets before that. Of reopenings, the figures are the last one's.
_COLUMNS = {
    "part": 7,
    "MiB settled → end": 17,
    "growth": 7,
    "children MiB": 12,
    "threads": 8,
    "handles": 8,
    "children": 8,
    "stalls, ms": 11,
    "results": 8,
    "dropped": 15,
}
_HEAD = _line(tuple(_COLUMNS))
