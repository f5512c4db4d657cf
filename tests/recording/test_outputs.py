"""No output takes the place of what is being read or recorded, under whatever name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.cli import main
from mcoe.core.errors import McoeError
from mcoe.core.log import stop_log
from mcoe.live.bundled import default_recording
from mcoe.recording.outputs import check_output, recording_files

LINKS: dict[str, Callable[[Path, Path], None]] = {
    "symbolic": lambda link, to: link.symlink_to(to),
    "hard": lambda link, to: os.link(to, link),
    "symbolic twice": lambda link, to: (link.with_name("between").symlink_to(to), link.symlink_to("between"))[1],
}


@pytest.fixture(autouse=True)
def log_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command line starts a log, in a folder of the test, that other tests must not find."""
    for kind in ("CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "home"))
    yield
    stop_log()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for suffix in (".aedat4", ".json", ".csv"):
        (folder / f"rec{suffix}").write_text(f"precious{suffix}")
    return folder / "rec.aedat4"


def refused(path: Path, recording: Path, what: str) -> None:
    with pytest.raises(McoeError, match=rf"^{re.escape(str(path))} is {what} .*choose another file\.$"):
        check_output(path, [recording])


@pytest.mark.parametrize(
    ("suffix", "what"), [(".aedat4", "the recording"), (".json", "the labels of"), (".csv", "the table of")]
)
def test_a_recording_its_labels_and_its_table_are_spared(
    recording: Path, tmp_path: Path, suffix: str, what: str
) -> None:
    refused(recording.with_suffix(suffix), recording, what)
    refused(recording.parent / ".." / "in" / f"rec{suffix}", recording, what)
    for name, link in LINKS.items():
        path = tmp_path / f"{name}.csv"
        link(path, recording.with_suffix(suffix))
        refused(path, recording, what)


def test_a_folder_is_spared_with_all_that_lies_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "seq"
    (folder / "frame").mkdir(parents=True)
    image = folder / "frame" / "1.png"
    image.touch()
    refused(image, folder, "part of the recording")
    check_output(folder / "frame" / "new.png", [folder])


def test_anything_else_may_be_written(recording: Path, tmp_path: Path) -> None:
    older = tmp_path / "older.csv"
    older.touch()
    for path in (older, tmp_path / "new.csv", recording.with_name("other.csv"), tmp_path / "no" / "folder.csv"):
        check_output(path, [recording, None, tmp_path / "absent"], [None, tmp_path / "absent"])


def test_weights_are_spared(tmp_path: Path) -> None:
    weights = tmp_path / "w.safetensors"
    weights.touch()
    (tmp_path / "link").symlink_to(weights)
    with pytest.raises(McoeError, match="is being read and would be lost"):
        check_output(tmp_path / "link", [], [weights])


@pytest.mark.parametrize("name", ["rec", "rec.aedat4", "rec.AEDAT4", "rec.csv", "rec.json", "rec.mp4"])
def test_a_recording_gets_three_files_of_its_own(tmp_path: Path, name: str) -> None:
    files = recording_files(tmp_path / name)
    assert len(set(files)) == 3
    assert [path.suffix.lower() for path in files] == [".aedat4", ".csv", ".json"]


@pytest.mark.parametrize("suffix", [".aedat4", ".csv", ".json"])
def test_a_new_recording_meets_no_file_not_even_a_link_to_nowhere(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"rec{suffix}").symlink_to(tmp_path / "nowhere")
    with pytest.raises(McoeError, match="exists already and would be lost"):
        recording_files(tmp_path / "rec")


@pytest.mark.parametrize("way", ["itself", *LINKS])
def test_a_headless_run_does_not_write_over_its_recording(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], way: str
) -> None:
    replay, out = tmp_path / "rec.aedat4", tmp_path / "out.csv"
    content = default_recording().read_bytes()
    replay.write_bytes(content)
    if way == "itself":
        out = replay
    else:
        LINKS[way](out, replay)
    assert main(["--headless", "--replay", str(replay), "--out", str(out)]) == 2
    told = capfd.readouterr().err.strip().splitlines()
    assert len(told) == 1
    assert f"{out} is the recording rec.aedat4" in told[0]
    assert replay.read_bytes() == content


def test_record_and_screenshot_are_refused_before_anything_opens(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    replay = tmp_path / "rec.aedat4"
    replay.write_text("precious")
    for option in ("--record", "--screenshot"):
        assert main(["--replay", str(replay), option, str(replay)]) == 2
        told = capfd.readouterr().err.strip().splitlines()
        assert len(told) == 1 and "would be lost" in told[0]
        assert replay.read_text() == "precious"
