"""The wheel: every file that belongs into it and no other, and that it runs from where it is unpacked."""

from __future__ import annotations

import configparser
import importlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("app", "assets", "mcoe", "pyproject.toml", "setup.py", "README.md", "LICENSE")
RECORDINGS = ("normal", "overexposed", "low", "hdr")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build it from a copy, so that no build folder is left in the tree, and none from before gets into it."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        there = ROOT / name
        if there.is_dir():
            shutil.copytree(there, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(there, folder)
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", build, str(folder / "dist")],
        cwd=folder, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (path,) = (folder / "dist").glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def installed(wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site-packages")
    wheel.extractall(folder)
    return folder


def modules(folder: str, name: str) -> set[str]:
    return {f"{name}/{p.relative_to(ROOT / folder).as_posix()}" for p in (ROOT / folder).rglob("*.py")}


def test_it_holds_these_files_and_no_other(wheel: zipfile.ZipFile) -> None:
    assets = [
        "mcoe.safetensors",
        "mcoe-live.svg",
        *(f"recordings/{n}{s}" for n in RECORDINGS for s in (".aedat4", ".json")),
    ]
    wanted = modules("mcoe", "mcoe") | modules("app", "mcoe_live") | {f"mcoe/assets/{name}" for name in assets}
    wanted |= {"mcoe/py.typed", "mcoe_live/py.typed"}
    names = set(wheel.namelist())
    beside = {n for n in names if n.split("/")[0].endswith((".dist-info", ".data"))}
    assert names - beside == wanted
    data = {n.split(".data/data/")[1] for n in beside if ".data/" in n}
    assert data == {"share/applications/mcoe-live.desktop", "share/icons/hicolor/scalable/apps/mcoe-live.svg"}
    assert any(n.endswith("licenses/LICENSE") for n in beside)


def test_its_commands_lead_somewhere(wheel: zipfile.ZipFile, monkeypatch: pytest.MonkeyPatch) -> None:
    (points,) = (n for n in wheel.namelist() if n.endswith("entry_points.txt"))
    told = configparser.ConfigParser()
    told.read_string(wheel.read(points).decode())
    commands = dict(told["console_scripts"])
    assert commands == {"mcoe-live": "mcoe_live.cli:start", "mcoe": "mcoe.__main__:main"}
    for target in commands.values():
        module, _, function = target.partition(":")
        assert callable(getattr(importlib.import_module(module.replace("mcoe_live", "app")), function))


def test_it_runs_unpacked_with_weights_and_recordings_inside(installed: Path, tmp_path: Path) -> None:
    program = """
import sys
import mcoe, mcoe_live, mcoe_live.cli, mcoe_live.shell.application
from mcoe.live.bundled import bundled_recordings
from mcoe.live.engine.build import BUNDLED
assert BUNDLED.is_file() and len(bundled_recordings()) == 4
for place in (mcoe.__file__, mcoe_live.__file__, BUNDLED, bundled_recordings()[0].path):
    print(place)
assert "app" not in sys.modules
"""
    # The clone's folder must not help: it is neither the working folder nor on the path.
    elsewhere = [p for p in sys.path if p and Path(p).resolve() != ROOT]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(installed), *elsewhere])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all(Path(line).is_relative_to(installed) for line in done.stdout.splitlines())
    assert not any(tmp_path.iterdir())


def test_the_desktop_entry_names_the_command_and_the_icon() -> None:
    told = configparser.ConfigParser(interpolation=None)
    told.optionxform = str  # type: ignore[method-assign, assignment]
    told.read(ROOT / "assets" / "mcoe-live.desktop")
    entry = told["Desktop Entry"]
    assert (entry["Type"], entry["Exec"], entry["Icon"]) == ("Application", "mcoe-live", "mcoe-live")
