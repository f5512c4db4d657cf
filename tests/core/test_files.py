"""Files are replaced whole or not at all, and as private as they were."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from mcoe.core.files import (
    SHARED,
    private_folder,
    replacing,
    replacing_path,
    replacing_text,
    write_bytes,
    write_json,
    write_text,
)

posix = pytest.mark.skipif(sys.platform == "win32", reason="permissions, links and pipes are POSIX's")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_text("old")
    return path


def only(path: Path, content: str) -> None:
    """Nothing but ``path`` lies in its folder, and it holds ``content``."""
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert path.read_text() == content


def test_bytes_text_and_json_are_written_and_nothing_else(tmp_path: Path) -> None:
    for number, (write, content, wanted) in enumerate(
        [(write_bytes, b"new", b"new"), (write_text, "α\n", "α\n".encode()), (write_json, {"a": 1}, b'{\n "a": 1\n}\n')]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        write(folder / "x.json", content)  # type: ignore[operator]
        assert [p.name for p in folder.iterdir()] == ["x.json"]
        assert (folder / "x.json").read_bytes() == wanted


def test_the_old_file_is_there_until_the_new_one_is_whole(old: Path) -> None:
    with replacing(old) as file:
        file.write(b"half")
        file.flush()
        assert old.read_text() == "old"
    only(old, "half")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_nothing_beside_it(old: Path, error: type[BaseException]) -> None:
    for give in (replacing, replacing_text, replacing_path):
        with pytest.raises(error), give(old) as it:
            (it.write_text if isinstance(it, Path) else it.write)("half" if give is not replacing else b"half")  # type: ignore[attr-defined, operator]
            raise error
        only(old, "old")


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_or_a_failing_rename_leaves_the_old_file(
    old: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os if call == "fsync" else Path, call, full)
    with pytest.raises(OSError, match="No space left"):
        write_text(old, "new")
    monkeypatch.undo()
    only(old, "old")


def test_what_was_written_is_on_the_disk_before_it_takes_the_name(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[int, str]] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append((os.fstat(handle).st_size, old.read_text()))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    for content in ("first", "second one"):
        with replacing_text(old) as text:
            text.write(content)
    assert synced == [(5, "old"), (10, "first")]


@posix
@pytest.mark.parametrize("umask", [0o000, 0o027, 0o077])
def test_what_is_new_is_its_users_alone_and_what_was_there_keeps_its_permissions(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "a"
    before = os.umask(umask)
    try:
        with replacing(path) as file:
            (part,) = tmp_path.iterdir()
            assert mode(part) == 0o600, "private from its first byte on"
            file.write(b"new")
        assert mode(path) == 0o600
        for chosen in (0o604, 0o444):
            path.chmod(chosen)
            write_text(path, "newer")
            assert mode(path) == chosen
        with replacing(path, 0o600) as file:
            file.write(b"secret")
        assert mode(path) == 0o600
        write_text(tmp_path / "weights", "of nobody", SHARED)
        assert mode(tmp_path / "weights") == 0o666 & ~umask
        (tmp_path / "weights").chmod(0o640)
        write_text(tmp_path / "weights", "newer", SHARED)
        assert mode(tmp_path / "weights") == 0o640
        private_folder(tmp_path / "one" / "two")
        private_folder(tmp_path / "one" / "two")
        assert mode(tmp_path / "one") == mode(tmp_path / "one" / "two") == 0o700
    finally:
        os.umask(before)


def test_a_library_that_writes_by_name_sees_the_right_suffix(tmp_path: Path) -> None:
    with replacing_path(tmp_path / "film.mp4") as part:
        assert part.suffix == ".mp4"
        assert part.parent == tmp_path
        part.write_bytes(b"film")
    only(tmp_path / "film.mp4", "film")


@posix
def test_a_link_keeps_pointing_and_what_it_points_to_is_replaced(old: Path, tmp_path: Path) -> None:
    link = tmp_path / "sub" / "link"
    link.parent.mkdir()
    link.symlink_to(old)
    write_text(link, "new")
    assert link.is_symlink()
    assert old.read_text() == "new"
    assert [p.name for p in link.parent.iterdir()] == ["link"]


@posix
def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", list[str]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    with replacing_text(pipe) as text:
        text.write("through")
    reader.join(20)
    assert got == ["through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_folder_or_an_absent_one_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        write_text(tmp_path, "x")
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "no" / "x", "x")
    assert not list(tmp_path.iterdir())


def test_readers_meanwhile_see_whole_files(tmp_path: Path) -> None:
    path, done = tmp_path / "a.json", threading.Event()
    write_json(path, [0] * 5000)
    seen: set[int] = set()
    errors: list[Exception] = []

    def read() -> None:
        while not done.is_set():
            try:
                values = json.loads(path.read_text())
                assert len(values) == 5000
                assert len(set(values)) == 1
                seen.add(values[0])
            except Exception as error:
                errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    number = 0
    while len(seen) < 5 and not errors:
        number += 1
        write_json(path, [number] * 5000)
    done.set()
    for reader in readers:
        reader.join()
    assert not errors
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
