"""Nothing leaves the machine, and nothing is written outside the program's own folders: the program run in children."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcoe.live.bundled import default_recording

ROOT = Path(__file__).resolve().parents[2]
#: Imported by every Python process of the run, also by those that its children start: the first internet socket, or
#: name that is looked up, is noted and ends the process.
GUARD = """
import os, sys

def guard(event, arguments):
    internet = event == "socket.__new__" and arguments[1] in (2, 10)
    if internet or event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        with open(os.environ["MCOE_GUARD"], "a") as file:
            print(sys.argv, event, arguments, file=file)
        os._exit(97)

sys.addaudithook(guard)
with open(os.environ["MCOE_GUARD"] + ".processes", "a") as file:
    print(os.getpid(), file=file)
"""
#: Folders that are the program's own, below its user's home.
OWN = (".config/mcoe-live/", ".local/state/mcoe-live/", ".cache/mcoe-live/")


class Run:
    """The program in a world of its own: an empty home, an empty folder for temporary files, no way out."""

    def __init__(self, folder: Path) -> None:
        self.home, self.temporary, guard = (folder / name for name in ("home", "tmp", "guard"))
        for each in (self.home, self.temporary, guard):
            each.mkdir()
        (guard / "sitecustomize.py").write_text(GUARD)
        self.noted = folder / "noted"
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "TORCH", "NUMBA", "CI"))}
        self.environ = kept | {
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "MCOE_GUARD": str(self.noted),
            "PYTHONPATH": os.pathsep.join(map(str, (guard, ROOT))),
            "QT_QPA_PLATFORM": "offscreen",
        }

    def __call__(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(
            command, cwd=ROOT, env=self.environ, capture_output=True, text=True, timeout=240, check=False
        )

    @property
    def written(self) -> set[str]:
        """What lies in home and among the temporary files, except in the program's own folders."""
        files = {p.relative_to(self.home).as_posix() for p in self.home.rglob("*") if not p.is_dir()}
        return {name for name in files if not name.startswith(OWN)} | {p.name for p in self.temporary.iterdir()}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_the_guard_reaches_children_and_ends_them(run: Run) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-P', '-c', 'import socket; socket.socket()'])"
    assert run("-c", code).returncode == 0
    assert "socket.__new__" in run.noted.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["headless", "window"])
def test_no_socket_and_nothing_written_elsewhere(run: Run, tmp_path: Path, way: str) -> None:
    if way == "headless":
        arguments = ["--headless", "--replay", default_recording(), "--out", tmp_path / "p.csv"]
    else:
        arguments = ["--watch-stalls", "1"]  # quits by itself once results have come for a second
    done = run("main.py", "--backbone", "openvino", *arguments)
    assert not run.noted.exists(), run.noted.read_text()
    assert done.returncode == 0, done.stderr
    assert run.written == set()
    processes = set((tmp_path / "noted.processes").read_text().split())
    assert len(processes) >= 2, "the child that decodes is guarded too"


def test_openvino_is_imported_in_one_place() -> None:
    """Any other import of it, or of its telemetry, would send before that place is reached."""
    importers = [
        path.relative_to(ROOT).as_posix()
        for folder in ("mcoe", "app")
        for path in (ROOT / folder).rglob("*.py")
        if any(line.strip().startswith(("import openvino", "from openvino")) for line in path.read_text().splitlines())
    ]
    assert importers == ["mcoe/live/engine/openvino_runtime.py"]
