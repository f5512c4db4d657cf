"""The command line of the window and of runs without one: reads a person's emotion from one eye."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

from mcoe.core.device import DEVICES
from mcoe.core.errors import McoeError
from mcoe.core.log import LEVELS, Level, start_log
from mcoe.core.paths import config_folder
from mcoe.core.process import AskedToEnd, begin, interruptible, leave

if TYPE_CHECKING:
    from mcoe.live.engine.build import EngineOptions


class Options(argparse.Namespace):
    """What the command line says; None where it says nothing."""

    replay: Path | None
    camera: str | None
    serial: str | None
    rgb: str | None
    list_cameras: bool
    record: Path | None
    headless: bool
    out: Path | None
    weights: Path | None
    device: str | None
    backbone: str | None
    scan: str
    mask: Literal["rgb", "event"] | None
    threads: int
    stride: int | None
    speed: float
    loop: bool
    size: tuple[int, int] | None
    layout: str | None
    screenshot: Path | None
    watch_stalls: float | None
    reopen_every: float | None
    after: float
    log_level: Level


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
    p = _Parser(prog="mcoe-live", description=__doc__, allow_abbrev=False)
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
    p.add_argument("--device", choices=DEVICES, help="where the network runs (default: as the settings say, else auto)")
    p.add_argument("--backbone", choices=("auto", "openvino", "torch", "cuda_graph"),
                   help="engine of the ResNet passes (default: as the settings say, else auto)")  # fmt: skip
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
    p.add_argument("--log-level", choices=LEVELS, default="info", help="least that the log file keeps (default: info)")
    p.add_argument("--watch-stalls", type=float, metavar="S", help=argparse.SUPPRESS)
    p.add_argument("--reopen-every", type=float, metavar="S", help=argparse.SUPPRESS)
    p.add_argument("--after", type=float, default=6.0, metavar="S", help=argparse.SUPPRESS)
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the application; 2 for bad input, told in one sentence on stderr, 128 + N where signal N ended a run."""
    begin()
    p = parser()
    options = p.parse_args(argv, Options())
    if wrong := _contradiction(options):
        p.error(wrong)
    start_log(options.log_level)
    try:
        with interruptible():
            if options.list_cameras:
                return _list_cameras()
            return _headless(options) if options.headless else _window(options)
    except McoeError as error:
        print(f"mcoe-live: {error}", file=sys.stderr)
        return 2
    except AskedToEnd as asked:
        print("mcoe-live: stopped before the end; nothing was written.", file=sys.stderr)
        return asked.code


def start() -> NoReturn:
    """Run the application and end the process, whatever hangs in a library by then."""
    leave(main())


def _contradiction(options: Options) -> str | None:
    """Say which options make no sense, alone or together."""
    if options.headless and (options.replay is None or options.out is None):
        return "--headless needs --replay FILE and --out CSV"
    if options.out is not None and not options.headless:
        return "--out goes with --headless"
    if not 0.1 <= options.speed <= 4:
        return f"--speed lies between 0.1 and 4, not {options.speed}"
    if options.stride is not None and options.stride < 1:
        return f"--stride is at least 1, not {options.stride}"
    if options.threads < 1:
        return f"--threads is at least 1, not {options.threads}"
    if options.camera and (options.replay or options.headless):
        return "--camera is live: it goes neither with --replay nor with --headless"
    if not options.camera and (options.serial or options.rgb):
        return "--serial and --rgb go with --camera"
    return None


def _engine_options(options: Options) -> EngineOptions:
    from mcoe.live.engine.build import EngineOptions

    device, backbone = options.device or "auto", options.backbone or "auto"
    return EngineOptions(options.weights, device, backbone, options.scan, options.mask, options.threads)


def _list_cameras() -> int:
    from mcoe.capture.cameras import list_cameras

    for camera in list_cameras():
        serial = f"  --serial {camera.serial}" if camera.serial else ""
        print(f"{camera.backend:10} {camera.name}{serial if camera.available else f': {camera.reason}'}")
    return 0


def _headless(options: Options) -> int:
    from mcoe.capture.replay import open_replay
    from mcoe.live.engine.build import build_engine, weights_stride
    from mcoe.live.jobs.headless import run_headless
    from mcoe.recording.outputs import check_output

    replay, out = options.replay, options.out
    assert replay is not None and out is not None  # see _contradiction
    check_output(out, [replay], [options.weights])
    engine = _engine_options(options)
    stride = weights_stride(engine) if options.stride is None else options.stride
    stats = run_headless(lambda: open_replay(replay), lambda: build_engine(engine), out, stride)
    print(f"{stats.results} windows of {replay} -> {out}")
    if stats.left_out:
        print(f"mcoe-live: {stats.left_out}", file=sys.stderr)
    return 0


def _window(options: Options) -> int:
    from mcoe.capture.cameras import CameraSpec, open_camera
    from mcoe.capture.replay import open_replay
    from mcoe.capture.source import Source
    from mcoe.live.bundled import bundled_recordings, default_recording
    from mcoe.recording.outputs import check_output, recording_files

    if options.record is not None:
        recording_files(options.record)
    if options.screenshot is not None:
        check_output(options.screenshot, [options.replay], [options.weights])
    from .shell.screen import check_screen

    check_screen()

    from .core.workbench import ProgramWorkbench
    from .shell.application import run

    alignments = config_folder() / "alignments"

    def open_source(path: str | None) -> Source:
        if path is not None and (camera := CameraSpec.parse(path)) is not None:
            return open_camera(camera.name, serial=camera.serial, rgb=camera.rgb, alignments=alignments)
        return open_replay(path or default_recording())

    given = {"device": options.device, "backbone": options.backbone, "stride": options.stride}
    workbench = ProgramWorkbench(
        _engine_options(options),
        open_source,
        stride=options.stride,
        recordings=bundled_recordings(),
        alignments=alignments,
        given={name: value for name, value in given.items() if value is not None},
        speed=options.speed,
        loop=options.loop,
        record=options.record,
    )
    shot = (options.screenshot, options.after) if options.screenshot else None
    camera = CameraSpec(options.camera, options.serial, options.rgb).path if options.camera else None
    replay = str(options.replay) if options.replay else None
    return run(
        workbench, camera or replay, options.size, shot, options.watch_stalls, options.layout, options.reopen_every
    )


if __name__ == "__main__":
    start()
