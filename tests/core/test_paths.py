"""Where things lie: with a home, without one, and where somebody else was there first."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcoe.core import paths


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A process whose home cannot be written; returns the folder of the temporary files."""
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "no" / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    paths._temporary_home.cache_clear()
    yield tmp_path
    paths._temporary_home.cache_clear()


def test_the_users_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("XDG_STATE_HOME", "relative")  # the specification has it ignored
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert paths.config_folder() == tmp_path / "elsewhere" / "mcoe-live"
    assert paths.state_folder() == tmp_path / ".local/state/mcoe-live"
    assert paths.cache_folder() == tmp_path / ".cache/mcoe-live"
    assert not any(tmp_path.iterdir())


def test_without_a_home_a_private_folder_stands_in(homeless: Path) -> None:
    folder = paths.cache_folder()
    own = homeless / f"mcoe-live-{os.getuid()}"
    assert folder == own / ".cache/mcoe-live"
    assert own.stat().st_mode & 0o777 == 0o700
    paths._temporary_home.cache_clear()
    assert paths.home() == own  # the next run finds it again


@pytest.mark.parametrize("trap", ["open to all", "a link", "a file"])
def test_a_folder_that_others_may_write_to_is_not_taken(homeless: Path, trap: str) -> None:
    own = homeless / f"mcoe-live-{os.getuid()}"
    if trap == "open to all":
        own.mkdir()
        own.chmod(0o777)
    elif trap == "a link":
        own.symlink_to(homeless)
    else:
        own.touch()
    other = paths.home()
    assert other != own and other.stat().st_mode & 0o777 == 0o700


def test_where_nothing_can_be_written_a_path_is_still_told(homeless: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(homeless / "gone"))
    assert paths.state_folder() == Path("/nonexistent/.local/state/mcoe-live")


def test_the_assets_are_there() -> None:
    found = {p.name for p in paths.assets().iterdir()}
    assert {"mcoe.safetensors", "recordings", "mcoe-live.svg"} <= found
