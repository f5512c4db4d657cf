"""Compiled loops: their code lies in the user's cache, and they run where nothing can be kept."""

from __future__ import annotations

import ast
from pathlib import Path

import numba
import pytest

import mcoe
from mcoe.core.kernels import njit


def double(x: int) -> int:
    return 2 * x


@pytest.fixture
def no_folder_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_code_is_kept_in_the_users_cache(no_folder_named: Path) -> None:
    assert njit(cache=True)(double)(21) == 42
    kept = {p.suffix for p in (no_folder_named / "mcoe-live" / "numba").rglob("*.nb?")}
    assert kept == {".nbi", ".nbc"}
    assert numba.config.CACHE_DIR == ""  # other people's loops go where they went


def test_a_folder_named_by_the_user_wins(
    no_folder_named: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "mine"))
    assert njit(cache=True)(double)(21) == 42
    assert any((tmp_path / "mine").rglob("*.nbi")) and not (tmp_path / "mcoe-live").exists()


def test_loops_run_where_nothing_can_be_kept(no_folder_named: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object) -> None:
        raise PermissionError

    monkeypatch.setattr("numba.core.caching._CacheLocator.ensure_cache_path", refuse)
    with pytest.raises(RuntimeError, match="cannot cache"):
        numba.njit(cache=True)(double)
    assert njit(cache=True, nogil=True)(double)(21) == 42


def test_every_loop_is_compiled_this_way() -> None:
    package, straight = Path(mcoe.__file__).parent, []
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if "numba" in names or (isinstance(node, ast.ImportFrom) and node.module == "numba"):
                straight.append(str(path.relative_to(package)))
    assert straight == ["core/kernels.py"]
