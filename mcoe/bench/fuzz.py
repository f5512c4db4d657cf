"""Damaged files by the thousand through the real guarded readers: whatever a file holds, a reader keeps its promises.

A case is made of a small sound file, by a seed of its own, and is the same on every machine. What is looked for: an
exception other than :class:`McoeError`, a sentence that is no sentence, a packet that breaks a source's promise, a
reader that takes too long, and a process that takes too much memory.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import resource
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np

from mcoe.capture import align
from mcoe.capture.replay import open_replay
from mcoe.capture.source import Source
from mcoe.core.errors import McoeError
from mcoe.core.images import read_image
from mcoe.core.text import SENTENCE_LENGTH
from mcoe.data.layout import read_layout
from mcoe.evaluation.report import read_predictions
from mcoe.events.packets import Events, Frame, make_events, packet_end_us
from mcoe.recording.aedat4_writer import Aedat4Writer
from mcoe.recording.preview import preview
from mcoe.recording.sidecar import load_sidecar

#: Wall-clock seconds after which a case counts as hung; a decoder may compute for 10 by itself.
HANG_S = 90.0
#: No process may take more, MiB.
MEMORY_MIB = 1536
#: Packets read of one case.
_PACKETS = 3_000
#: Words that no user should read.
_INNER = re.compile(r"Error\b|Exception|Traceback|errno|0x[0-9a-f]{6}|<class|std::|NoneType|ndarray|\bdtype\b")
_SIZE, _START = (64, 48), 1_600_000_000_000_000
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a case showed.

    Attributes:
        kind: what was damaged, e.g. ``raw evt2``.
        seed: of the case; with the kind it makes the same file again.
        fault: ``wrong exception``, ``bad sentence``, ``broken promise``, ``hang`` or ``memory``.
        words: what was seen.
    """

    kind: str
    seed: int
    fault: str
    words: str


def run(cases: int, seed: int = 0, workers: int = 2, tell: Callable[[int], None] = lambda done: None) -> list[Finding]:
    """Run cases in turn over all kinds; return what was found, in the order of the cases.

    Args:
        cases: how many.
        seed: of the first; the others follow.
        workers: how many at a time.
        tell: called with how many are done.
    """
    before = _peak_mib()
    with TemporaryDirectory(prefix="mcoe-fuzz-") as folder:
        sound = {kind: make(_made(Path(folder) / kind.replace(" ", "-"))) for kind, make in KINDS.items()}
        order = itertools.islice(itertools.cycle(KINDS), seed % len(KINDS), None)
        work = [(kind, seed + number) for kind, number in zip(order, range(cases), strict=False)]

        def one(job: tuple[str, int]) -> list[Finding]:
            kind, number = job
            with TemporaryDirectory(prefix=f"{number}-", dir=folder) as own:
                return list(_case(kind, number, sound[kind], Path(own)))

        found = []
        with ThreadPoolExecutor(workers) as pool:
            for done, findings in enumerate(pool.map(one, work), 1):
                found += findings
                tell(done)
        peak = _peak_mib()
        # A child counts what its parent held when it was started, which may have been much before this run.
        if peak > max(MEMORY_MIB, before + MEMORY_MIB // 2):
            found.append(Finding("all", seed, "memory", f"a process took {peak} MiB"))
        return found


def _peak_mib() -> int:
    """Return the most memory that this process or a child of it ever had."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)) >> 10


def _case(kind: str, seed: int, sound: Path, folder: Path) -> Iterator[Finding]:
    path = damaged(sound, folder, random.Random(seed))
    began = time.monotonic()
    try:
        broken = READERS[kind.partition(" ")[0]](path)
        if broken:
            yield Finding(kind, seed, "broken promise", broken)
    except McoeError as error:
        if fault := _bad_sentence(str(error)):
            yield Finding(kind, seed, "bad sentence", fault)
    except Exception as error:
        yield Finding(kind, seed, "wrong exception", f"{type(error).__name__}: {error}"[:200])
    if (took := time.monotonic() - began) > HANG_S:
        yield Finding(kind, seed, "hang", f"{took:.0f} s")


def _bad_sentence(told: str) -> str:
    if len(told) > SENTENCE_LENGTH or not told.isprintable() or not told.endswith((".", "?")):
        return f"no plain sentence: {told[:150]!r}"
    return f"inner words: {told}" if _INNER.search(told) else ""


# ---- damage


def damaged(sound: Path, folder: Path, dice: random.Random) -> Path:
    """Copy a file, or a folder of which one file is chosen, and damage it in one to four places."""
    copy = folder / sound.name
    if sound.is_file():
        copy.write_bytes(damage(sound.read_bytes(), dice))
        return copy
    files = sorted(p for p in sound.rglob("*") if p.is_file())
    hurt = set(dice.sample(files, min(len(files), dice.randint(1, 3))))
    for file in files:
        place = copy / file.relative_to(sound)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(damage(file.read_bytes(), dice) if file in hurt else file.read_bytes())
    return copy


def damage(data: bytes, dice: random.Random) -> bytes:
    """Return the bytes after one to four damages of any kind."""
    out = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        if len(out) < 8:
            return bytes(out)
        # Headers are short and mean much: half of the damage goes to the first bytes.
        at = dice.randrange(min(len(out), 600) if dice.random() < 0.5 else len(out))
        length = min(len(out) - at, dice.choice((1, 4, 16, 200, 5_000)))
        match dice.randrange(9):
            case 0:
                out[at] ^= 1 << dice.randrange(8)
            case 1:
                out[at] = dice.randrange(256)
            case 2:
                del out[at:]
            case 3:
                del out[at : at + length]
            case 4:
                out[at:at] = dice.randbytes(length)
            case 5:
                out[at : at + length] = bytes(length)
            case 6:
                out[at : at + length] = b"\xff" * length
            case 7:
                out[at:at] = out[at : at + length]
            case _:
                form = dice.choice(("<I", ">I", "<H", ">H"))
                value = dice.choice(_NUMBERS) & (0xFFFF if form[1] == "H" else 0xFFFFFFFF)
                place = min(at, len(out) - 4)
                struct.pack_into(form, out, place, value)
    return bytes(out)


# ---- readers: each returns what promise was broken, empty for none


def _read_recording(path: Path) -> str:
    with open_replay(path) as source:
        return _promises(source)


def _promises(source: Source) -> str:
    info = source.info
    width, height = info.size
    last = {True: -(1 << 62), False: -(1 << 62)}
    span = info.start_us - 1_000_000, info.start_us + (info.duration_us or 0) + 1_000_000
    for packet in itertools.islice(source, _PACKETS):
        frame = isinstance(packet, Frame)
        if isinstance(packet, Frame):
            if packet.image.shape[1::-1] != info.size or packet.start_us > packet.end_us:
                return "a frame of another size, or that ends before it begins"
            first = packet.end_us
        else:
            if not len(packet):
                return "an empty packet"
            x, y, p, t = (packet[name] for name in ("x", "y", "polarity", "timestamp"))
            if x.min() < 0 or y.min() < 0 or x.max() >= width or y.max() >= height:
                return "an event off the sensor"
            if not set(np.unique(p).tolist()) <= {0, 1}:
                return "a polarity that is none"
            if (t[1:] < t[:-1]).any():
                return "events out of order"
            first = int(t[0])
        if first < last[frame]:
            return "packets that overlap"
        last[frame] = packet_end_us(packet)
        if not span[0] <= first <= last[frame] <= span[1]:
            return "a packet outside the recording"
    source.seek(info.start_us + (info.duration_us or 0) // 2)
    source.read()
    return ""


def _read_preview(path: Path) -> str:
    seen = preview(path)
    return _bad_sentence(seen.error) if seen.error else ""


def _read_image(path: Path) -> str:
    image = read_image(path)
    return "" if image is None or (image.dtype == np.uint8 and image.ndim in (2, 3)) else "no picture"


def _read_sidecar(path: Path) -> str:
    known = load_sidecar(path.with_suffix(".aedat4"))
    return "" if all(segment.label.isprintable() for segment in known.segments) else "a label that cannot be shown"


def _read_alignment(path: Path) -> str:
    found = align.load(path.stem, path.parent)
    if found is not None and max(found.frame_size) <= 2_000:
        found.image(np.zeros((found.frame_size[1], found.frame_size[0]), np.uint8))
    return ""


def _read_layout(path: Path) -> str:
    read_layout(path)
    return ""


def _read_predictions(path: Path) -> str:
    runs = read_predictions(path)
    return "" if all(np.isfinite(run.scores).all() for run in runs) else "a score that is no number"


READERS: dict[str, Callable[[Path], str]] = {
    "recording": _read_recording,
    "preview": _read_preview,
    "image": _read_image,
    "sidecar": _read_sidecar,
    "alignment": _read_alignment,
    "layout": _read_layout,
    "predictions": _read_predictions,
}


# ---- sound files to begin with


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _batches(dice: np.random.Generator, count: int = 20) -> Iterator[Events]:
    for number in range(count):
        times = _START + 10_000 * number + np.sort(dice.integers(0, 10_000, 40))
        yield make_events(times, *(dice.integers(0, limit, 40) for limit in (*_SIZE, 2)))


def _aedat4(folder: Path) -> Path:
    dice = np.random.default_rng(1)
    writer = Aedat4Writer(folder / "a.aedat4", "FUZZ", _SIZE)
    for number, events in enumerate(_batches(dice)):
        if number % 4 == 0:
            end = int(events["timestamp"][0])
            writer.frame(Frame(dice.integers(0, 256, (_SIZE[1], _SIZE[0]), np.uint8), end - 5_000, end))
        writer.events(events)
    writer.close()
    return writer.path


def _aedat4_packed(compression: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        import dv_processing as dv

        config = dv.io.MonoCameraWriter.Config("FUZZ")
        config.compression = getattr(dv.CompressionType, compression)
        config.addEventStream(_SIZE)
        config.addFrameStream(_SIZE)
        writer = dv.io.MonoCameraWriter(str(folder / "a.aedat4"), config)
        dice = np.random.default_rng(2)
        for number, events in enumerate(_batches(dice)):
            if number % 4 == 0:
                image = dice.integers(0, 256, (_SIZE[1], _SIZE[0]), np.uint8)
                writer.writeFrame(dv.Frame(int(events["timestamp"][0]), 5_000, 0, 0, image, dv.FrameSource.SENSOR))
            store = dv.EventStore()
            for t, x, y, polarity in events.tolist():
                store.push_back(t, x, y, bool(polarity))
            writer.writeEvents(store)
        del writer
        return folder / "a.aedat4"

    return make


def _raw(evt: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        dice = np.random.default_rng(3)
        rows = zip(
            range(1_000, 401_000, 200), *(dice.integers(0, n, 2_000).tolist() for n in (640, 480, 2)), strict=True
        )
        words: list[int] = []
        for t, x, y, p in rows:
            if evt == "2":
                words += [8 << 28 | t >> 6, p << 28 | (t & 63) << 22 | x << 11 | y]
            else:
                words += [8 << 12 | (t >> 12 & 4095), 6 << 12 | (t & 4095), y, 2 << 12 | p << 11 | x]
        head = f"% evt {evt}.0\n% format EVT{evt}\n% geometry 640x480\n% end\n".encode()
        path = folder / "a.raw"
        path.write_bytes(head + np.array(words, "<u4" if evt == "2" else "<u2").tobytes())
        return path

    return make


def _dat(folder: Path) -> Path:
    dice = np.random.default_rng(4)
    words = np.zeros((2_000, 2), "<u4")
    words[:, 0] = np.arange(2_000) * 100
    words[:, 1] = dice.integers(0, 640, 2_000) | dice.integers(0, 480, 2_000) << 14 | dice.integers(0, 2, 2_000) << 28
    path = folder / "a.dat"
    path.write_bytes(b"% Data file\n% Version 2\n% Height 480\n% Width 640\n" + b"\x0c\x08" + words.tobytes())
    return path


def _video(suffix: str, code: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / f"a{suffix}"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 25.0, _SIZE)
        for number in range(12):
            image = np.zeros((_SIZE[1], _SIZE[0], 3), np.uint8)
            cv2.circle(image, (5 + 4 * number, 24), 8, (200, 90, 30), -1)
            writer.write(image)
        writer.release()
        return path

    return make


def _folder(folder: Path) -> Path:
    dice = np.random.default_rng(5)
    for kind, number in itertools.product(("frame", "event"), range(6)):
        place = folder / "seq" / kind
        place.mkdir(parents=True, exist_ok=True)
        image = dice.integers(0, 256, (_SIZE[1], _SIZE[0]), np.uint8)
        _write_image(place / f"{number:05d}{'.png' if number % 2 else '.jpg'}", image)
    return folder / "seq"


def _write_image(path: Path, image: Any) -> None:
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())


def _image(suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        _write_image(folder / f"a{suffix}", np.random.default_rng(6).integers(0, 256, (48, 64, 3), np.uint8))
        return folder / f"a{suffix}"

    return make


def _json(name: str, content: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_text(json.dumps(content))
        return folder / name

    return make


def _layout(folder: Path) -> Path:
    database = {}
    for number, emotion in enumerate(("happy", "sad", "fear")):
        name = f"seq_{number}_f_30_0_low_{emotion}_9_1"
        database[name] = {"subset": "training", "annotations": {"label": emotion, "segment": [0, 2]}}
        for kind, image in itertools.product(("frame", "event"), range(3)):
            place = folder / "set" / kind / emotion / name
            place.mkdir(parents=True, exist_ok=True)
            _write_image(place / f"{image:05d}.png", np.zeros((4, 4), np.uint8))
    (folder / "set" / "emotion.json").write_text(json.dumps({"database": database, "labels": []}))
    return folder / "set"


_LABELS = {
    "segments": [{"start_us": 10, "end_us": 20, "label": "sad"}, {"start_us": 30, "end_us": 4_000, "label": "happy"}],
    "markers": [{"label": "fear", "time_us": 7}, {"label": "none", "time_us": 99}],
    "lighting": "low",
    "synthetic": False,
}
_ALIGNMENT = {
    "pair": "a",
    "method": "ecc",
    "frame_size": [640, 480],
    "size": [346, 260],
    "matrix": [[0.54, 0.01, -3.0], [0.0, 0.55, -2.0], [0.00001, 0.0, 1.0]],
}
_PREDICTIONS = {
    "results": {
        f"seq_{n}_f_30_0_low_sad_9_1": [{"label": "sad", "score": 0.7}, {"label": "fear", "score": 0.3}]
        for n in range(3)
    }
}

#: What is damaged: the first word says who reads it.
KINDS: dict[str, Callable[[Path], Path]] = {
    "recording aedat4": _aedat4,
    "sidecar": _json("a.json", _LABELS),
    "image jpg": _image(".jpg"),
    "recording aedat4 lz4": _aedat4_packed("LZ4"),
    "alignment": _json("a.json", _ALIGNMENT),
    "image png": _image(".png"),
    "recording raw evt2": _raw("2"),
    "predictions": _json("a.json", _PREDICTIONS),
    "image tiff": _image(".tiff"),
    "recording raw evt3": _raw("3"),
    "layout": _layout,
    "image webp": _image(".webp"),
    "recording folder": _folder,
    "sidecar again": _json("a.json", {"label": "happy"}),
    "image bmp": _image(".bmp"),
    "recording aedat4 zstd": _aedat4_packed("ZSTD"),
    "recording dat": _dat,
    "recording video mp4": _video(".mp4", "mp4v"),
    "preview aedat4": _aedat4,
    "recording video avi": _video(".avi", "MJPG"),
    "preview folder": _folder,
}
