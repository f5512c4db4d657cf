"""MCO-E Live: reads a person's emotion from one eye. The command line, nothing else."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

from mcoe.core.errors import McoeError

#: Alignments of camera pairs, kept between runs.
ALIGNMENTS = Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config")) / "mcoe-live" / "alignments"


class _Parser(argparse.ArgumentParser):
    """Bad options in one sentence instead of a screen of usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"mcoe-live: {message}; see --help.\n")


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError(f"a size is written WIDTHxHEIGHT, e.g. 1280x800, not {text}")
    return int(width), int(height)


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    p = _Parser(prog="main.py", description=__doc__, allow_abbrev=False)
    p.add_argument(
        "--replay", type=Path, metavar="FILE", help="recording or data-set folder to open (default: bundled)"
    )
    p.add_argument("--camera", metavar="NAME", help="live: davis, prophesee, webcam or tcp://HOST:PORT")
    p.add_argument("--serial", metavar="S", help="which of several cameras; see --list-cameras")
    p.add_argument("--rgb", metavar="N", help="webcam beside the event camera, or the one that --camera webcam opens")
    p.add_argument("--list-cameras", action="store_true", help="list what is plugged in, and what is missing, and quit")
    p.add_argument("--record", type=Path, metavar="FILE", help="record to this AEDAT4 from the start")
    p.add_argument("--headless", action="store_true", help="no window: run the recording once and write --out")
    p.add_argument("--out", type=Path, metavar="CSV", help="predictions of a headless run")
    p.add_argument("--weights", type=Path, metavar="FILE", help="safetensors weights (default: the bundled ones)")
    p.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where the network runs")
    p.add_argument("--backbone", choices=("auto", "openvino", "torch", "cuda_graph"), default="auto",
                   help="engine of the ResNet passes")  # fmt: skip
    p.add_argument("--scan", choices=("auto", "torch", "mamba_ssm"), default="auto", help="selective-scan backend")
    p.add_argument("--mask", choices=("rgb", "event"), help="hide one modality from the network")
    p.add_argument(
        "--threads",
        type=int,
        default=min(2, os.cpu_count() or 1),
        metavar="N",
        help="CPU threads (default: %(default)s)",
    )
    p.add_argument("--stride", type=int, metavar="N",
                   help="gap of the frame pair, in frames at 30 Hz (default: the one that the weights were trained "
                   "with, else 12 = 0.4 s)")  # fmt: skip
    p.add_argument("--speed", type=float, default=1.0, metavar="X", help="playback speed, 0.1 to 4")
    p.add_argument("--loop", action="store_true", help="start the recording again when it ends")
    p.add_argument("--size", type=_size, metavar="WxH", help="window size, e.g. 1280x800")
    p.add_argument("--layout", choices=("Demo", "Explain", "Lighting"), help="panels to begin with")
    p.add_argument("--screenshot", type=Path, metavar="PNG", help="save the window after --after seconds and quit")
    p.add_argument("--watch-stalls", type=float, metavar="S", help=argparse.SUPPRESS)
    p.add_argument("--after", type=float, default=6.0, metavar="S", help=argparse.SUPPRESS)
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the application; 2 for bad input, told in one sentence on stderr."""
    p = parser()
    args = p.parse_args(argv)
    if args.headless and (args.replay is None or args.out is None):
        p.error("--headless needs --replay FILE and --out CSV")
    if args.out is not None and not args.headless:
        p.error("--out goes with --headless")
    if not 0.1 <= args.speed <= 4:
        p.error(f"--speed lies between 0.1 and 4, not {args.speed}")
    if args.stride is not None and args.stride < 1:
        p.error(f"--stride is at least 1, not {args.stride}")
    if args.threads < 1:
        p.error(f"--threads is at least 1, not {args.threads}")
    if args.camera and (args.replay or args.headless):
        p.error("--camera is live: it goes neither with --replay nor with --headless")
    if not args.camera and (args.serial or args.rgb):
        p.error("--serial and --rgb go with --camera")
    try:
        if args.list_cameras:
            return _list_cameras()
        return _headless(args) if args.headless else _window(args)
    except McoeError as error:
        print(f"mcoe-live: {error}", file=sys.stderr)
        return 2


def _engine_options(args: argparse.Namespace):  # type: ignore[no-untyped-def]
    from mcoe.live.engine.build import EngineOptions

    return EngineOptions(args.weights, args.device, args.backbone, args.scan, args.mask, args.threads)


def _list_cameras() -> int:
    from mcoe.capture.cameras import list_cameras

    for camera in list_cameras():
        serial = f"  --serial {camera.serial}" if camera.serial else ""
        print(f"{camera.backend:10} {camera.name}{serial if camera.available else f': {camera.reason}'}")
    return 0


def _headless(args: argparse.Namespace) -> int:
    from mcoe.capture.replay import open_replay
    from mcoe.live.engine.build import build_engine, weights_stride
    from mcoe.live.jobs.headless import run_headless

    options = _engine_options(args)
    stride = weights_stride(options) if args.stride is None else args.stride
    stats = run_headless(lambda: open_replay(args.replay), lambda: build_engine(options), args.out, stride)
    print(f"{stats.results} windows of {args.replay} -> {args.out}")
    return 0


def _window(args: argparse.Namespace) -> int:
    from app.core.workbench import Bench
    from app.shell.application import run
    from mcoe.capture.cameras import CameraSpec, open_camera
    from mcoe.capture.replay import open_replay
    from mcoe.capture.source import Source
    from mcoe.live.bundled import bundled_recordings, default_recording

    def open_source(path: str | None) -> Source:
        if path is not None and (camera := CameraSpec.parse(path)) is not None:
            return open_camera(camera.name, serial=camera.serial, rgb=camera.rgb, alignments=ALIGNMENTS)
        return open_replay(path or default_recording())

    bench = Bench(
        _engine_options(args),
        open_source,
        stride=args.stride,
        recordings=bundled_recordings(),
        alignments=ALIGNMENTS,
        speed=args.speed,
        loop=args.loop,
        record=args.record,
    )
    shot = (args.screenshot, args.after) if args.screenshot else None
    camera = CameraSpec(args.camera, args.serial, args.rgb).path if args.camera else None
    return run(bench, camera or (args.replay and str(args.replay)), args.size, shot, args.watch_stalls, args.layout)


if __name__ == "__main__":
    sys.exit(main())
