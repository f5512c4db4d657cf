"""It starts, or says in one sentence why not: without a screen, a home, a place to write, or all letters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcoe.live.bundled import default_recording

ROOT = Path(__file__).resolve().parents[2]
WINDOW = ("main.py", "--watch-stalls", "0.5")
HEADLESS = ("main.py", "--headless", "--replay", default_recording(), "--out")


def run(*arguments: object, without: tuple[str, ...] = (), **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in (*without, "PYTHONIOENCODING", "LC_ALL")}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, env=kept | {"PYTHONPATH": str(ROOT)} | environ, capture_output=True, timeout=240,
        check=False, encoding="latin-1",
    )  # fmt: skip


def one_sentence(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert all(word in lines[0] for word in words), lines


SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")


def test_without_a_screen_it_says_so() -> None:
    one_sentence(run(*WINDOW, without=SCREENS), "no screen", "--headless")


@pytest.mark.parametrize("display", [":9173", "unix:9173.0"])
def test_a_screen_that_does_not_answer_is_named(display: str) -> None:
    one_sentence(run(*WINDOW, without=SCREENS, DISPLAY=display), f"DISPLAY={display}", "--headless")


def test_qt_told_to_need_none_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.shell.screen import check_screen

    for name in SCREENS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    check_screen()
    monkeypatch.delenv("QT_QPA_PLATFORM")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    check_screen()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize(
    "command", [("-m", "mcoe", "info"), ("-m", "mcoe"), ("main.py", "--help"), ("-m", "mcoe", "bench", "--help")]
)
def test_any_console_will_do(command: tuple[str, ...], encoding: str) -> None:
    done = run(*command, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_a_name_that_the_console_does_not_know(tmp_path: Path) -> None:
    replay = tmp_path / "é µ ☂.aedat4"
    replay.write_bytes(default_recording().read_bytes())
    done = run("main.py", "--headless", "--replay", replay, "--out", tmp_path / "p.csv", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "101 windows of" in done.stdout


NOWHERE = {f"XDG_{kind}_HOME": "/dev/null/no" for kind in ("CONFIG", "STATE", "CACHE")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "way"),
    [
        ("no home", "help"),
        ("no home", "headless"),
        ("a home that is no folder", "help"),
        ("a home that is no folder", "headless"),
        ("folders that cannot be made", "help"),
        ("folders that cannot be made", "headless"),
        ("folders that cannot be made", "window"),
    ],
)
def test_without_a_place_to_write_it_starts(tmp_path: Path, where: str, way: str) -> None:
    environ = {
        "no home": {"HOME": "", "TMPDIR": str(tmp_path)},
        "a home that is no folder": {"HOME": "/dev/null", "TMPDIR": str(tmp_path)},
        "folders that cannot be made": NOWHERE,
    }[where]
    environ |= {"QT_QPA_PLATFORM": "offscreen"}
    commands = {"help": ("main.py", "--help"), "headless": (*HEADLESS, tmp_path / "p.csv"), "window": WINDOW}
    unset = tuple(NOWHERE) if where != "folders that cannot be made" else ()
    done = run(*commands[way], without=unset, **environ)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    if way == "headless":
        assert (tmp_path / "p.csv").read_text().count("\n") == 102
