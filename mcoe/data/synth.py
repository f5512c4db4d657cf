"""``python -m mcoe synth``: render a labelled single-eye data set of frames and events."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcoe.data.eye.pack import FACE_ENV, FacePack, check_face, find_face, load_face
from mcoe.errors import McoeError
from mcoe.model.config import EMOTIONS

#: Counts changes of what the same settings draw, so that no folder ever mixes two generators.
GENERATOR = 4
NOTE = "accuracy measured on this data is accuracy on virtual eyes"


@dataclass(frozen=True)
class Settings:
    """What decides the content of a data set; the same settings give the same set."""

    subjects: int
    test_subjects: int
    takes: int
    seed: int
    size: tuple[int, int]
    motion_px: float
    sessions: int
    emotions: tuple[str, ...] = EMOTIONS
    generator: int = GENERATOR


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mcoe synth", description=__doc__)
    parser.add_argument("--out", type=Path, help="folder of the data set; run again on the same one to go on")
    parser.add_argument("--subjects", type=int, default=10, help="all subjects, training and test (default 10)")
    parser.add_argument("--test-subjects", type=int, help="how many of them are for testing (default a third)")
    parser.add_argument(
        "--takes", type=int, default=1, help="takes per subject and emotion; each is seen under 4 lightings"
    )
    parser.add_argument("--emotions", default=",".join(EMOTIONS), help="only these, with commas between (default all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", default="346x260", help="sensor pixels WxH (default 346x260, a DAVIS346)")
    parser.add_argument(
        "--motion", type=float, default=1.5, help="pixels anything may move between two rendered images"
    )
    parser.add_argument(
        "--sessions", type=int, default=0, metavar="N", help="AEDAT4 sessions of N test subjects, 4 lightings each"
    )
    parser.add_argument("--only-sessions", action="store_true", help="of such a data set, render its sessions alone")
    parser.add_argument(
        "--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes (default one per core)"
    )
    parser.add_argument(
        "--graphics", type=int, default=1, metavar="N", help="graphics cards to spread the processes over (default 1)"
    )
    parser.add_argument("--face", help=f"folder of the face data pack (default: the environment variable {FACE_ENV})")
    parser.add_argument("--check-face", metavar="DIR", help="verify a face data pack and stop")
    parser.add_argument(
        "--check-difficulty", action="store_true", help="also run HOG + LDA across subjects on apex frames"
    )
    return parser.parse_args(argv)


def _settings(args: argparse.Namespace) -> Settings:
    try:
        width, height = (int(v) for v in args.size.lower().split("x"))
    except ValueError as error:
        raise McoeError(f"--size {args.size} is no WxH: give pixels, for example 346x260.") from error
    if not (32 <= width <= 1280 and 32 <= height <= 1280):
        raise McoeError(f"--size {args.size} is outside 32..1280 pixels: give for example 346x260.")
    test = args.test_subjects if args.test_subjects is not None else args.subjects // 3
    if args.subjects < 1 or args.takes < 1 or not 0 <= test <= args.subjects:
        raise McoeError("--subjects and --takes must be at least 1, and --test-subjects between 0 and --subjects.")
    if not 0.2 <= args.motion <= 10:
        raise McoeError(f"--motion {args.motion} is outside 0.2..10 pixels: 1.5 is a good value.")
    if args.only_sessions and (args.sessions < 1 or args.check_difficulty):
        raise McoeError("--only-sessions goes with --sessions N of at least 1, and without --check-difficulty.")
    emotions = () if args.only_sessions else tuple(args.emotions.split(","))
    if not set(emotions) <= set(EMOTIONS):
        raise McoeError(f"--emotions {args.emotions} names an unknown one: choose from {', '.join(EMOTIONS)}.")
    size = (width, height)
    return Settings(args.subjects, test, args.takes, args.seed, size, args.motion, min(args.sessions, test), emotions)


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code.

    Raises:
        McoeError: bad options, no face data pack, no OpenGL, or a folder that holds another data set.
    """
    args = _parse(argv)
    if args.check_face:
        print(check_face(args.check_face))
        return 0
    if args.out is None:
        raise McoeError("--out is missing: name the folder that the data set goes to.")
    settings = _settings(args)
    synthesise(args.out, settings, find_face(args.face), max(1, args.workers), max(1, args.graphics))
    if args.check_difficulty:
        from mcoe.data.difficulty import check_folder

        print(check_folder(args.out))
    return 0


def synthesise(out: Path, settings: Settings, face: Path, workers: int, graphics: int = 1) -> None:
    """Render what ``out`` still lacks of the data set, write ``emotion.json`` and print the figures.

    Args:
        workers: processes; graphics: graphics cards that they take in turn.

    Raises:
        McoeError: see :func:`main`.
    """
    from mcoe.data.eye.writer import write_json

    load_face(face)
    done = out / ".done"
    done.mkdir(parents=True, exist_ok=True)
    _claim(out, settings)
    total = settings.subjects * len(settings.emotions) * settings.takes + settings.sessions
    todo = [
        n for n in range(settings.subjects) if not all((done / f"{t}.json").exists() for t in _task_names(n, settings))
    ]
    before = _count(done)
    print(
        f"{total} takes in 4 lightings, {before} done, {len(todo)} of {settings.subjects} subjects to go, "
        f"{workers} processes"
    )
    began = time.monotonic()
    if todo:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(name, "1")  # inherited: one process per core, each with one thread
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(workers, len(todo)), context, _begin_worker, (graphics,)) as pool:
            _drive([pool.submit(render_subject, n, out, settings, face) for n in todo], done, total, before, began)
    entries, rows = _collect(done, settings)
    made = json.loads((out / "synth.json").read_text())
    write_json(out / "emotion.json", {"labels": list(EMOTIONS), "database": entries, "note": NOTE, "synth": made})
    from mcoe.data.eye.stats import table

    seconds = time.monotonic() - began
    if rows:
        print(table(rows))
    train = sum(e["subset"] == "training" for e in entries.values())
    print(f"{train} training and {len(entries) - train} test sequences in {out}; {seconds:.0f} s this time; {NOTE}")


def _begin_worker(graphics: int) -> None:
    """Take a graphics card, and end this worker when the command is killed: it would otherwise go on by itself."""
    if graphics > 1:
        number = multiprocessing.current_process()._identity[-1]  # counts from 1
        os.environ["GLCONTEXT_DEVICE_INDEX"] = str(number % graphics)
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _claim(out: Path, settings: Settings) -> None:
    """Write the settings into the folder, or refuse one that was begun with others."""
    from mcoe.data.eye.writer import write_json

    path, mine = out / "synth.json", json.loads(json.dumps(asdict(settings)))
    if path.exists():
        there = json.loads(path.read_text())
        different = [k for k in mine if there.get(k) != mine[k]]
        if different:
            what = ", ".join(f"{k} {there.get(k)}" for k in different)
            raise McoeError(f"{out} was begun with {what}: give the same options to go on, or name another folder.")
    else:
        write_json(path, mine)


def _task_names(number: int, settings: Settings) -> list[str]:
    names = [f"{number:04d}-{emotion}-{take}" for emotion in settings.emotions for take in range(settings.takes)]
    first_test = settings.subjects - settings.test_subjects
    return names + ([f"{number:04d}-session"] if first_test <= number < first_test + settings.sessions else [])


def _count(done: Path) -> int:
    return sum(1 for _ in done.glob("*.json"))


def _drive(futures: list[Future[None]], done: Path, total: int, before: int, began: float) -> None:
    """Wait for the workers with a progress bar; the first failure stops the run."""
    waiting = set(futures)
    try:
        while waiting:
            finished, waiting = wait(waiting, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()
            n = _count(done)
            spent = time.monotonic() - began
            left = spent / max(n - before, 1) * (total - n)
            bar = "#" * (30 * n // total)
            end = "\r" if sys.stderr.isatty() else "\n"
            if sys.stderr.isatty() or finished:
                print(
                    f"[{bar:30}] {n}/{total} takes, {spent:.0f} s, about {left:.0f} s left ",
                    end=end,
                    file=sys.stderr,
                    flush=True,
                )
    except BaseException:
        for future in waiting:
            future.cancel()
        raise


def _collect(done: Path, settings: Settings) -> tuple[dict[str, Any], list[tuple[str, dict[str, float]]]]:
    entries: dict[str, Any] = {}
    rows = []
    for number in range(settings.subjects):
        for task in _task_names(number, settings):
            content = json.loads((done / f"{task}.json").read_text())
            entries.update(content["entries"])
            rows += [(light, figures) for light, figures in content["figures"]]
    return entries, rows


def render_subject(number: int, out: Path, settings: Settings, face: Path) -> None:
    """Render everything of one subject that is not there yet (runs in a worker process)."""
    import cv2

    from mcoe.data.eye.behaviour import draw_temperament
    from mcoe.data.eye.geometry import SHAPE
    from mcoe.data.eye.person import draw_person, split_skins
    from mcoe.data.eye.renderer import EyeRenderer
    from mcoe.data.eye.take import draw_lightings, fit_lightings
    from mcoe.data.eye.writer import write_json

    cv2.setNumThreads(1)
    pack = load_face(face)
    testing = number >= settings.subjects - settings.test_subjects
    train_skins, test_skins = split_skins(pack, settings.seed, 0.3)
    person = draw_person(number, settings.seed, test_skins if testing else train_skins)
    temperament = draw_temperament(settings.seed, number)
    todo = [t for t in _task_names(number, settings) if not (out / ".done" / f"{t}.json").exists()]
    with EyeRenderer(pack, person, settings.size) as renderer:
        light_rng = np.random.default_rng([settings.seed, 303, number])
        drawn = draw_lightings(light_rng)
        rest = renderer.render(np.zeros(len(SHAPE), np.float32))
        lightings = fit_lightings(drawn, rest, light_rng)
        subject = _Subject(pack, renderer, temperament, lightings, settings, out, "testing" if testing else "training")
        for task in todo:
            _, emotion, *take = task.split("-")
            content = subject.session() if emotion == "session" else subject.take(emotion, int(take[0]))
            write_json(out / ".done" / f"{task}.json", content)


class _Subject:
    """One subject in front of the sensors, in a worker."""

    def __init__(
        self,
        pack: FacePack,
        renderer: Any,
        temperament: Any,
        lightings: Any,
        settings: Settings,
        out: Path,
        subset: str,
    ) -> None:
        self.pack, self.renderer, self.temperament, self.lightings = pack, renderer, temperament, lightings
        self.settings, self.out, self.subset = settings, out, subset
        self.person = renderer.person

    def take(self, emotion: str, take: int) -> dict[str, Any]:
        from mcoe.data.eye.behaviour import DEGREES, draw_frames, plan_take
        from mcoe.data.eye.stats import sequence_figures
        from mcoe.data.eye.take import event_images, record
        from mcoe.data.eye.writer import LIGHTING_NAME, annotation, write_sequence

        p = self.person
        rng = np.random.default_rng([self.settings.seed, 404, p.number, EMOTIONS.index(emotion), take])
        degree = list(DEGREES)[int(rng.integers(len(DEGREES)))]
        frames = draw_frames(rng)
        plan = plan_take(self.temperament, emotion, degree, (frames + 2) / 30, rng)
        ends = {name: _frame_ends(frames, rng) for name in self.lightings}
        recordings = record(self.renderer, self.pack, plan, self.lightings, ends, rng, self.settings.motion_px)
        entries, figures = {}, []
        for name, r in recordings.items():
            who = f"seq_{p.number:04d}_{p.sex}_{p.years}_{degree}"
            sequence = f"{who}_{LIGHTING_NAME[name]}_{emotion_name(emotion)}_{len(r.frames)}_{take + 1}"
            images = event_images(r.events, r.frame_end_us, self.settings.size)
            write_sequence(self.out, sequence, emotion, r, images)
            entries[sequence] = annotation(r, emotion, self.subset, p.skins[0].stem)
            figures.append((name, sequence_figures(r.frames, images, r.moving, len(r.events), len(r.frames) / 30)))
        return {"entries": entries, "figures": figures}

    def session(self) -> dict[str, Any]:
        from mcoe.data.eye.behaviour import join, plan_take
        from mcoe.data.eye.take import record
        from mcoe.data.eye.writer import write_session

        p = self.person
        rng = np.random.default_rng([self.settings.seed, 505, p.number])
        order = [EMOTIONS[i] for i in rng.permutation(6)[:2]]
        plan = join([plan_take(self.temperament, e, "strong", 1.7, rng, onset=0.35) for e in order])
        frames = int(plan.duration_us * 30 // 1_000_000) - 2
        ends = {name: _frame_ends(frames, rng, whole=True) for name in self.lightings}
        recordings = record(self.renderer, self.pack, plan, self.lightings, ends, rng, self.settings.motion_px)
        folder = self.out / "sessions"
        folder.mkdir(exist_ok=True)
        how = f"rendered virtual eye, subject {p.number} ({self.subset}), data seed {self.settings.seed}; {NOTE}"
        for name, r in recordings.items():
            write_session(folder / f"subject{p.number:04d}_{name}.aedat4", r, {"subset": self.subset, "how": how})
        return {"entries": {}, "figures": []}


def emotion_name(emotion: str) -> str:
    """Spell an emotion as the real set's sequence names do."""
    return {"happy": "happiness", "sad": "sadness"}.get(emotion, emotion)


def _frame_ends(frames: int, rng: np.random.Generator, whole: bool = False) -> NDArray[np.int64]:
    """Draw one sensor's frame clock on a take: its own phase and, unless ``whole``, up to a tenth shorter."""
    cut = 0 if whole else int(rng.integers(0, frames // 10 + 1))
    first = 0 if whole else int(rng.integers(0, cut + 1))
    count = max(18, frames - cut) if not whole else frames
    first = min(first, frames - count)
    phase = rng.uniform(33_400, 66_000)
    return np.rint(phase + (first + np.arange(count)) * 1e6 / 30).astype(np.int64)
