"""Asked to end, the program ends, whatever hangs, and finishes a recording first; X's death leaves one that plays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcoe.bench.loopback import Server
from mcoe.capture.replay import open_replay
from mcoe.live.bundled import default_recording
from tests.live.stream.test_pipeline import until

ROOT = Path(__file__).resolve().parents[2]
#: The program promises 3 s; a busy machine may take longer, but what waits for ever takes for ever.
BOUND_S = 30


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    own = {f"XDG_{kind}_HOME": str(tmp_path / kind) for kind in ("CONFIG", "STATE", "CACHE")}
    return {**os.environ, **own, "PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "offscreen"}


@pytest.fixture
def spawn(environ: dict[str, str]) -> Iterator[object]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object, **more: str) -> subprocess.Popen[str]:
        command = [sys.executable, *map(str, arguments)]
        process = subprocess.Popen(
            command, cwd=ROOT, env=environ | more, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def events_in(path: Path) -> int:
    with open_replay(path) as source:
        return sum(len(packet) for packet in source)  # type: ignore[arg-type]


def ends(process: subprocess.Popen[str], number: int) -> str:
    """Ask it to end, and return what it says of it."""
    asked = time.monotonic()
    process.send_signal(number)
    _, stderr = process.communicate(timeout=BOUND_S)
    assert process.returncode == 0, stderr
    print(f"ended after {time.monotonic() - asked:.1f} s")
    return stderr


@pytest.mark.parametrize(
    ("where", "number"),
    [
        ("loading", signal.SIGINT),
        ("opening", signal.SIGTERM),
        ("decoding", signal.SIGTERM),
        ("answering", signal.SIGHUP),
        ("nowhere", signal.SIGTERM),
        ("nowhere", signal.SIGHUP),
    ],
)
def test_it_ends_whatever_hangs_and_finishes_the_recording_first(
    spawn, tmp_path: Path, where: str, number: int
) -> None:
    path = tmp_path / "rec.aedat4"
    process = spawn("-m", "tests.app.hanging", where, path)
    assert process.stdout.readline() == "there\n"
    if where != "opening":
        until(lambda: path.is_file() and path.stat().st_size > 20_000, BOUND_S)
    stderr = ends(process, number)
    assert ("was left" in stderr) == (where != "nowhere"), stderr
    if where == "opening":
        assert not path.exists()
        return
    notes = json.loads(path.with_suffix(".json").read_text())
    assert notes["complete"], stderr
    assert events_in(path) >= 1_000


def test_a_window_that_shows_nothing_hears_a_signal_too(spawn) -> None:
    """No timer of Python's runs then: only Qt's own loop, which Python's handlers do not wake."""
    code = "from app.shell.application import run; from tests.app.conftest import Maker; maker = Maker(); "
    code += "maker.refuse = 'no'; maker.file = lambda path: print('there', flush=True); run(maker, 'x.aedat4')"
    process = spawn("-c", code)
    assert process.stdout.readline() == "there\n"
    time.sleep(1)  # the window's own timers have run out
    ends(process, signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_headless_run_that_is_stopped_leaves_nothing(spawn, tmp_path: Path, number: int) -> None:
    out = tmp_path / "out"
    out.mkdir()
    process = spawn("main.py", "--headless", "--replay", default_recording(), "--out", out / "p.csv")
    until(lambda: list(out.iterdir()), 120)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=BOUND_S)
    assert process.returncode == 128 + number
    assert stderr.strip() == "mcoe-live: stopped before the end; nothing was written."
    assert list(out.iterdir()) == []


@pytest.mark.slow
def test_what_was_recorded_when_the_x_server_died_opens_and_plays(spawn, tmp_path: Path) -> None:
    screen = subprocess.Popen(["Xvfb", "-displayfd", "1", "-nolisten", "tcp"], stdout=subprocess.PIPE, text=True)
    server = Server(100_000, 60)
    path = tmp_path / "rec.aedat4"
    try:
        assert screen.stdout is not None
        display = f":{screen.stdout.readline().strip()}"
        process = spawn("main.py", "--camera", server.address, "--record", path, DISPLAY=display, QT_QPA_PLATFORM="xcb")
        until(lambda: path.is_file() and path.stat().st_size > 1_000_000, 120)
        screen.kill()
        process.communicate(timeout=BOUND_S)
        assert process.returncode != 0
        assert events_in(path) > 10_000
    finally:
        server.stop()
        screen.kill()
        screen.communicate()
