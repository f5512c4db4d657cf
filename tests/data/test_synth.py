"""The synth command at thumbnail size: layout, resume, determinism, split, sessions, difficulty."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mcoe.capture.sidecar import load_sidecar
from mcoe.data.difficulty import cross_subject_accuracy
from mcoe.data.eye.pack import FACE_ENV
from mcoe.data.layout import read_layout, read_raw
from mcoe.data.synth import GENERATOR, _begin_worker, main
from mcoe.errors import McoeError
from tests.data.face import face_folder

pytest.importorskip("moderngl", reason="rendering needs moderngl")
pytest.importorskip("scipy", reason="rendering needs scipy")
OPTIONS = [
    "--subjects",
    "2",
    "--test-subjects",
    "1",
    "--emotions",
    "happy",
    "--size",
    "64x48",
    "--motion",
    "4",
    "--seed",
    "5",
    "--workers",
    "1",
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synth")
    assert main(["--out", str(out), "--face", str(face_folder()), "--sessions", "1", *OPTIONS]) == 0
    return out


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_reader_finds_every_sequence_with_its_raw_events(made: Path) -> None:
    sequences, skipped, about = read_layout(made)
    assert not skipped.entries and about["synth"]["seed"] == 5
    assert len(sequences) == 8
    skins = {s.subject: s.skin for s in sequences}
    assert skins.keys() == {"0000", "0001"}
    assert all(skins.values()) and len(set(skins.values())) == 2
    for sequence in sequences:
        assert sequence.raw is not None
        events, ends = read_raw(sequence.raw)
        assert len(ends) >= 18 and (np.diff(ends) > 33_000).all() and ends[0] > 0
        assert (np.diff(events["timestamp"]) >= 0).all() and len(events) > 50
        assert events["x"].max() < 64 and events["y"].max() < 48 and set(np.unique(events["polarity"])) == {0, 1}


def test_four_lightings_differ_as_their_names_say(made: Path) -> None:
    rows = [f for p in (made / ".done").glob("*happy*.json") for f in json.loads(p.read_text())["figures"]]
    mean = {
        name: np.mean([f["mean"] for light, f in rows if light == name]) for name in ("normal", "over", "low", "hdr")
    }
    assert mean["low"] < 15 < mean["normal"] < 95 < mean["over"]
    assert mean["low"] < mean["hdr"] < mean["over"]


def test_killed_run_goes_on_and_gives_the_same_files(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = tmp_path / "again"
    shutil.copytree(made, again)
    (again / ".done" / "0001-happy-0.json").unlink()  # subject 1's take was cut off half way
    victim = next((again / "frame").rglob("seq_0001*Low*"))
    shutil.rmtree(victim)
    (again / "emotion.json").unlink()
    untouched = next((again / "raw").glob("seq_0000*"))
    before = untouched.stat().st_mtime_ns
    assert main(["--out", str(again), "--face", str(face_folder()), "--sessions", "1", *OPTIONS]) == 0
    assert "2 done" in capsys.readouterr().out
    assert untouched.stat().st_mtime_ns == before
    assert contents(again) == contents(made)


def test_folder_begun_with_other_options_is_refused(made: Path) -> None:
    with pytest.raises(McoeError, match="seed 5"):
        main(["--out", str(made), "--face", str(face_folder()), *OPTIONS, "--seed", "6"])


def test_folder_of_an_older_generator_is_refused(made: Path, tmp_path: Path) -> None:
    settings = json.loads((made / "synth.json").read_text())
    (tmp_path / "synth.json").write_text(json.dumps({**settings, "generator": GENERATOR - 1}))
    with pytest.raises(McoeError, match=f"begun with .*generator {GENERATOR - 1}: "):
        main(["--out", str(tmp_path), "--face", str(face_folder()), "--sessions", "1", *OPTIONS])
    assert not (tmp_path / "emotion.json").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_end_with_a_killed_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mcoe", "synth", "--out", str(tmp_path), "--face", str(face_folder()), *OPTIONS]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    parent = subprocess.Popen(command, cwd=Path(__file__).parents[2], start_new_session=True, **quiet)

    def workers() -> list[int]:
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # it has just ended
                state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
                if int(group) == parent.pid and state != "Z" and stat.parent.name != str(parent.pid):
                    found.append(int(stat.parent.name))
        return found

    def wait(until: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not until() and time.monotonic() < deadline:
            time.sleep(0.05)
        return until()

    # Its first take done, the worker stands and goes on with the next subject.
    assert wait(lambda: any(tmp_path.glob(".done/*.json")) and len(workers()) > 0, 60)
    parent.kill()
    parent.wait()
    try:
        assert wait(lambda: not workers(), 20), "they went on by themselves"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)


def _card(_: int) -> str | None:
    time.sleep(0.3)  # so that each worker gets one
    return os.environ.get("GLCONTEXT_DEVICE_INDEX")


def test_workers_take_the_graphics_cards_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLCONTEXT_DEVICE_INDEX", raising=False)
    context = multiprocessing.get_context("spawn")
    for cards, wanted in ((1, {None}), (2, {"0", "1"})):
        with ProcessPoolExecutor(2, context, _begin_worker, (cards,)) as pool:
            assert set(pool.map(_card, range(8))) == wanted


def test_subjects_are_split(made: Path) -> None:
    database = json.loads((made / "emotion.json").read_text())["database"]
    subsets: dict[str, set[str]] = {"training": set(), "testing": set()}
    for name, entry in database.items():
        subsets[entry["subset"]].add(name.split("_")[1])
        first, last = entry["annotations"]["segment"]
        assert 0 <= first < last
    assert subsets == {"training": {"0000"}, "testing": {"0001"}}


def test_sessions_play_and_carry_their_labels(made: Path) -> None:
    dv = pytest.importorskip("dv_processing")
    files = sorted((made / "sessions").glob("*.aedat4"))
    assert len(files) == 4
    sidecar = load_sidecar(files[0])
    assert sidecar.synthetic and len({s.label for s in sidecar.segments}) >= 2
    reader = dv.io.MonoCameraRecording(str(files[0]))
    stamps, frames = [], 0
    while (batch := reader.getNextEventBatch()) is not None:
        stamps.append(batch.timestamps())
    while reader.getNextFrame() is not None:
        frames += 1
    joined = np.concatenate(stamps)
    assert frames > 60 and (np.diff(joined) >= 0).all()
    assert sidecar.at(int(joined[len(joined) // 2])) is not None


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--size", "huge"], "WxH"),
        (["--size", "9x9"], "32"),
        (["--test-subjects", "99"], "--test-subjects"),
        (["--motion", "0"], "--motion"),
        (["--emotions", "bored"], "bored"),
    ],
)
def test_bad_options_are_told_in_one_sentence(tmp_path: Path, options: list[str], word: str) -> None:
    with pytest.raises(McoeError, match=word):
        main(["--out", str(tmp_path / "x"), *options])
    assert not (tmp_path / "x").exists()


def test_without_a_pack_the_sources_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FACE_ENV, raising=False)
    with pytest.raises(McoeError, match=r"ICT-FaceKit.*MIT.*MakeHuman.*CC0"):
        main(["--out", str(tmp_path / "x")])
    with pytest.raises(McoeError, match="--out"):
        main([])


def test_check_face_describes_the_pack(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check-face", str(face_folder())]) == 0
    assert "skins" in capsys.readouterr().out


def test_difficulty_separates_what_is_separable_and_not_noise() -> None:
    rng = np.random.default_rng(0)
    labels, subjects = np.tile(np.arange(7), 20), np.repeat(np.arange(20), 7)
    noise = rng.normal(size=(140, 50))
    signal = noise + 4 * np.eye(7, 50)[labels]
    assert cross_subject_accuracy(signal, labels, subjects) > 0.9
    assert cross_subject_accuracy(noise, labels, subjects) < 0.35
    with pytest.raises(McoeError, match="two subjects"):
        cross_subject_accuracy(noise, labels, np.zeros(140, np.int64))


def test_sessions_alone_need_a_number_of_them(tmp_path: Path) -> None:
    with pytest.raises(McoeError, match="--sessions N"):
        main(["--out", str(tmp_path), "--only-sessions"])
