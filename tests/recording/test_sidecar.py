"""Labels beside a recording: read tolerantly, never in the way of the recording."""

import errno
import json
import os
from pathlib import Path

import pytest

from mcoe.core.errors import McoeError
from mcoe.recording.sidecar import EVER_US, MOST, Sidecar, add_marker, load_sidecar, remove_marker


def write(folder: Path, notes: object) -> Path:
    (folder / "a.json").write_text(notes if isinstance(notes, str) else json.dumps(notes))
    return folder / "a.aedat4"


def test_segments_hold_between_their_ends(tmp_path: Path) -> None:
    segments = [{"start_us": 50, "end_us": 90, "label": "sad"}, {"start_us": 10, "end_us": 20, "label": "happy"}]
    known = load_sidecar(write(tmp_path, {"segments": segments, "lighting": "low", "synthetic": True}))
    assert [known.at(t) for t in (9, 10, 19, 20, 50, 90)] == [None, "happy", "happy", None, "sad", None]
    assert known.lighting == "low"
    assert known.synthetic


def test_a_label_holds_until_the_next_or_until_none_and_other_markers_are_moments(tmp_path: Path) -> None:
    markers = [("none", 30), ("fear", 10), ("blink", 20), ("sad", 40), ("happy", 50)]
    known = load_sidecar(write(tmp_path, {"markers": [{"label": name, "time_us": t} for name, t in markers]}))
    wanted = [None, "fear", "fear", "fear", None, "sad", "happy"]
    assert [known.at(t) for t in (5, 10, 20, 29, 30, 49, 50)] == wanted
    assert known.markers == ((10, "fear"), (20, "blink"), (30, "none"), (40, "sad"), (50, "happy"))


def test_one_label_covers_everything(tmp_path: Path) -> None:
    assert load_sidecar(write(tmp_path, {"label": "angry"})).at(0) == "angry"


@pytest.mark.parametrize("broken", ["{", "[]", '{"segments": [{}]}', '{"segments": 3}'])
def test_a_damaged_sidecar_is_no_sidecar(tmp_path: Path, broken: str) -> None:
    assert load_sidecar(write(tmp_path, broken)) == Sidecar()


def test_no_sidecar_is_empty(tmp_path: Path) -> None:
    assert load_sidecar(tmp_path / "b.aedat4").at(0) is None


def test_the_bundled_recordings_are_labelled() -> None:
    assets = Path(__file__).resolve().parents[2] / "assets" / "recordings"
    recordings = list(assets.glob("*.aedat4"))
    assert recordings
    for recording in recordings:
        assert load_sidecar(recording).segments


def test_markers_are_added_and_everything_else_stays(tmp_path: Path) -> None:
    file = write(tmp_path, {"lighting": "low", "own": {"a": 1}, "markers": [{"label": "fear", "time_us": 10}]})
    known = add_marker(file, "happy", 40)
    assert [known.at(t) for t in (10, 39, 40)] == ["fear", "fear", "happy"]
    assert known == load_sidecar(file)
    notes = json.loads((tmp_path / "a.json").read_text())
    assert notes["own"] == {"a": 1}
    assert notes["lighting"] == "low"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_the_first_marker_makes_the_sidecar(tmp_path: Path) -> None:
    file = tmp_path / "b.aedat4"
    add_marker(file, "sad", 5)
    assert load_sidecar(file).at(6) == "sad"


def test_of_two_labels_at_one_moment_the_one_noted_later_is_true(tmp_path: Path) -> None:
    file = tmp_path / "a.aedat4"
    for label in ("surprise", "fear"):
        assert add_marker(file, label, 40).at(40) == label
    assert remove_marker(file, "fear", 40).at(40) == "surprise"


def test_a_marker_is_taken_back_and_everything_else_stays(tmp_path: Path) -> None:
    file = write(tmp_path, {"lighting": "low", "markers": [{"label": "fear", "time_us": 10, "by": "me"}]})
    add_marker(file, "happy", 40)
    add_marker(file, "happy", 40)
    assert remove_marker(file, "happy", 40).markers == ((10, "fear"), (40, "happy"))
    assert remove_marker(file, "happy", 40) == load_sidecar(file)
    assert remove_marker(file, "sad", 10).at(50) == "fear"
    notes = json.loads((tmp_path / "a.json").read_text())
    assert notes == {"lighting": "low", "markers": [{"label": "fear", "time_us": 10, "by": "me"}]}


@pytest.mark.parametrize("damaged", ["{", "[1, 2]", '{"markers": 3}', '{"markers": [{"label": "sad"}]}'])
def test_a_sidecar_that_is_not_understood_stays_as_it_is(tmp_path: Path, damaged: str) -> None:
    file = write(tmp_path, damaged)
    with pytest.raises(McoeError, match="move it away"):
        add_marker(file, "happy", 1)
    assert (tmp_path / "a.json").read_text() == damaged


def test_a_full_disk_leaves_the_old_sidecar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, {"lighting": "low"})

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(McoeError, match="No space left"):
        add_marker(file, "happy", 1)
    assert json.loads((tmp_path / "a.json").read_text()) == {"lighting": "low"}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


HOSTILE = {
    "nested": b"[" * 100_000,
    "nested label": b'{"label": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "1e999": b'{"markers": [{"label": "sad", "time_us": 1e999}]}',
    "10**400": b'{"segments": [{"start_us": 0, "end_us": 1' + b"0" * 400 + b', "label": "sad"}]}',
    "NaN": b'{"segments": [{"start_us": NaN, "end_us": 1, "label": "sad"}]}',
    "Latin-1": '{"label": "fröhlich"}'.encode("latin-1"),
    "null": b"null",
    "list of null": b'{"segments": [null]}',
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_sidecar_is_no_sidecar_and_stays(tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.json").write_bytes(HOSTILE[kind])
    assert load_sidecar(tmp_path / "a.aedat4") == Sidecar()
    assert "plays without labels" in caplog.text
    with pytest.raises(McoeError, match="move it away"):
        add_marker(tmp_path / "a.aedat4", "sad", 1)
    assert (tmp_path / "a.json").read_bytes() == HOSTILE[kind]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_sidecar_of_another_editor_is_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.json").write_bytes('{"label": "happy", "lighting": "HDR"}'.encode(encoding))
    assert load_sidecar(tmp_path / "a.aedat4").at(0) == "happy"


@pytest.mark.parametrize("count", [MOST, MOST + 1, 100_000])
def test_labels_without_number_are_bounded_and_told(
    tmp_path: Path, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    known = load_sidecar(write(tmp_path, {"markers": [{"label": "sad", "time_us": t} for t in range(count)]}))
    assert len(known.markers) == len(known.segments) == MOST
    assert known.left_out == count - MOST
    assert ("too many labels" in caplog.text) is (count > MOST)


def test_a_label_is_plain_and_bounded_and_its_time_within_64_bits(tmp_path: Path) -> None:
    segment = {"start_us": -(2**62) - 5, "end_us": 1e18 * 9, "label": "<img>\n" + "x" * 10**6}
    known = load_sidecar(write(tmp_path, {"segments": [segment]}))
    assert (known.segments[0].start_us, known.segments[0].end_us) == (-EVER_US, EVER_US)
    assert len(known.segments[0].label) <= 60
    assert known.segments[0].label.isprintable()
