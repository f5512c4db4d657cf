"""The whole data set as network inputs, computed once and memory-mapped, so that training is never bound by decoding.

A pack is a folder: ``frames.npy`` uint8 ``(N, C, S, S)``, ``voxels.npy`` int8 ``(N, N_b, S, S)``, ``times.npy`` int64
``(N, 2)``, ``valid.npy`` bool ``(N,)`` and ``index.json``. A row's voxel grid is a piece: the events between the frame
before and its own, from ``times[i, 0]`` to ``times[i, 1]`` µs; windows of any length are sums of pieces
(:mod:`mcoe.data.windows`). The tensors come from the live path's own :func:`~mcoe.events.roi.rgb_input` and
:func:`~mcoe.events.roi.voxel_input`, of the centred square, and are stored as square roots: steps of 0.3 grey levels
in the dark, where the sensor's own noise is that small, and of 2 at white, where shot noise is larger. 40 kB a frame.

Where a sequence has no raw events, its event images stand in: a full deflection from 128 counts as one event per pixel
and is shared equally by the bins, because an accumulated image has no time inside its 33 ms.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mcoe.data.layout import Sequence, Skipped, Subset, read_image, read_layout, read_raw
from mcoe.errors import McoeError
from mcoe.events.roi import default_roi, rgb_input, voxel_input
from mcoe.events.voxel import Roi

VERSION = 3
#: Length of a piece where no frame before says when it began, µs: the data sets' 30 Hz.
PIECE_US = 33_333
#: Largest signed events per sensor pixel, bin and piece that a pack can hold; beyond, it clips and counts.
VOXEL_LIMIT = 8.0
#: Grey levels around 128 that an event image's JPEG noise may reach without meaning an event.
JPEG_DEAD_ZONE = 8
_VOXEL_SCALE = 127 / VOXEL_LIMIT**0.5

#: The pack's folder, a sequence, its first row, S, N_b, zoom.
_Job = tuple[Path, Sequence, int, int, int, float]


@dataclass(frozen=True, slots=True)
class PackedSequence:
    """A sequence of a pack; its frame ``numbers[i]`` is row ``first + i`` of the pack's arrays."""

    name: str
    subject: str
    label: int
    lighting: int
    subset: Subset
    first: int
    numbers: tuple[int, ...]
    segment: tuple[int, int]
    skin: str = ""


@dataclass(frozen=True, slots=True)
class Pack:
    """An opened pack; ``extra`` is what ``emotion.json`` says besides its sequences."""

    root: Path
    size: int
    bins: int
    sequences: tuple[PackedSequence, ...]
    frames: NDArray[np.uint8]
    voxels: NDArray[np.int8]
    valid: NDArray[np.bool_]
    skipped: Skipped
    extra: dict[str, Any]
    times: NDArray[np.int64]
    zoom: float = 1.0

    def subset(self, name: Subset) -> list[PackedSequence]:
        """Return the sequences of ``training`` or ``testing``. Raises McoeError if there is none."""
        chosen = [s for s in self.sequences if s.subset == name]
        if not chosen:
            raise McoeError(f"The data set {self.root} has no {name} sequence; check the subsets in its emotion.json.")
        return chosen


def encode_rgb(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Store grey levels 0..1 as uint8 square roots."""
    return np.asarray(np.rint(np.sqrt(np.clip(image, 0, 1)) * 255), np.uint8)


def encode_voxel(grid: NDArray[np.float32]) -> NDArray[np.int8]:
    """Store signed event densities as int8 signed square roots."""
    root = np.sqrt(np.minimum(np.abs(grid), VOXEL_LIMIT))
    return np.asarray(np.rint(np.sign(grid) * root * _VOXEL_SCALE), np.int8)


def encode_voxels(grids: Tensor) -> Tensor:
    """Do as :func:`encode_voxel` on a tensor of any shape and device."""
    root = grids.abs().clamp(max=VOXEL_LIMIT).sqrt()
    coded: Tensor = (grids.sign() * root * _VOXEL_SCALE).round().to(torch.int8)
    return coded


def decode_rgb(stored: Tensor) -> Tensor:
    """Undo :func:`encode_rgb`: ``(..., C, S, S)`` uint8 to float32, 0..1; C stays."""
    return (stored.float() / 255).square()


def decode_voxel(stored: Tensor) -> Tensor:
    """Undo :func:`encode_voxel`: ``(..., N_b, S, S)`` int8 to float32, signed events per sensor pixel."""
    root: Tensor = stored.float() / _VOXEL_SCALE
    return root * root.abs()


def framed(size: tuple[int, int], zoom: float) -> Roi:
    """Return the centred square whose side is 1/``zoom`` of the largest, ``(x, y, side)`` in pixels of (w, h)."""
    x, y, side = default_roi(size)
    small = round(side / zoom)
    return x + (side - small) // 2, y + (side - small) // 2, small


def event_image_voxel(image: NDArray[np.uint8], size: int, bins: int, roi: Roi | None = None) -> NDArray[np.float32]:
    """Turn an accumulated event image ``(H, W)`` (128 = none, brighter ON) into ``(bins, S, S)`` float32."""
    quiet = np.where(np.abs(image.astype(np.int16) - 128) <= JPEG_DEAD_ZONE, np.uint8(128), image)
    height, width = image.shape
    level = rgb_input(quiet, roi or default_roi((width, height)), size)[:1]
    return np.repeat((level * 255 - 128) / 127 / bins, bins, axis=0).astype(np.float32)


def open_or_build(
    data: Path,
    pack: Path | None = None,
    *,
    size: int = 100,
    bins: int = 3,
    workers: int | None = None,
    zoom: float = 1.0,
) -> Pack:
    """Open a pack, or the pack of a data set, building what is missing (resumable; prints what was skipped).

    Args:
        data: a pack's folder or a data set's.
        pack: the pack's folder; ``<data>/pack_<size>`` when None, with ``_zoom<zoom>`` behind where zoom is not 1.
        workers: processes; one per core when None.
        zoom: the centred square's side is 1/zoom of the picture's height: 1.55 is what a tight crop shows.

    Raises:
        McoeError: neither can be read, the pack holds another state of the data set, or zoom is outside 1..8.
    """
    if not 1 <= zoom <= 8:
        raise McoeError(f"A zoom of {zoom:g} shows more than the picture or next to nothing; give 1 to 8.")
    if (data / "index.json").is_file() and not (data / "emotion.json").is_file():
        return open_pack(data, size, bins, zoom)
    sequences, skipped, extra = read_layout(data)
    root = pack or data / (f"pack_{size}" if zoom == 1 else f"pack_{size}_zoom{zoom:g}")
    listing = [[s.name, s.subset, s.label, list(s.numbers), list(s.segment)] for s in sequences]
    plan = {"version": VERSION, "size": size, "bins": bins, "zoom": zoom, "listing": listing}
    try:
        root.mkdir(parents=True, exist_ok=True)
        plan_path = root / "plan.json"
        if plan_path.is_file() and json.loads(plan_path.read_text()) != plan:
            raise McoeError(f"{root} was packed from another state of {data}; delete it or name another --pack.")
        if not (root / "index.json").is_file():
            _build(root, sequences, skipped, extra, plan, workers or os.cpu_count() or 1)
    except OSError as error:
        raise McoeError(f"The pack {root} cannot be written ({error.strerror}); name another --pack folder.") from error
    return open_pack(root, size, bins, zoom)


def open_pack(root: Path, size: int | None = None, bins: int | None = None, zoom: float | None = None) -> Pack:
    """Map a finished pack. Raises McoeError if it is damaged or of another input size or framing than asked for."""
    try:
        index = json.loads((root / "index.json").read_text())
        sequences = tuple(
            PackedSequence(**{**s, "numbers": tuple(s["numbers"]), "segment": tuple(s["segment"])})
            for s in index["sequences"]
        )
        arrays = [np.load(root / f"{name}.npy", mmap_mode="r") for name in ("frames", "voxels", "valid", "times")]
        pack = Pack(
            root, index["size"], index["bins"], sequences, arrays[0], arrays[1], np.asarray(arrays[2]),
            Skipped([(what, why) for what, why in index["skipped"]]), index["extra"], np.asarray(arrays[3]),
            index["zoom"],
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise McoeError(f"The pack {root} is damaged ({error}); delete it, it will be built again.") from error
    if size not in (None, pack.size) or bins not in (None, pack.bins):
        raise McoeError(
            f"The pack {root} holds {pack.size} px and {pack.bins} bins where {size} px and {bins} are wanted; "
            "name another --pack."
        )
    if zoom not in (None, pack.zoom):
        raise McoeError(
            f"The pack {root} is framed at zoom {pack.zoom:g} where {zoom:g} is wanted; name another --pack."
        )
    return pack


def _build(
    root: Path,
    sequences: list[Sequence],
    skipped: Skipped,
    extra: dict[str, Any],
    plan: dict[str, Any],
    workers: int,
) -> None:
    size, bins = plan["size"], plan["bins"]
    firsts = np.cumsum([0, *(len(s.numbers) for s in sequences)])
    rows, channels = int(firsts[-1]), max(_channels(s) for s in sequences)
    shapes = {"frames": ("u1", (rows, channels, size, size)), "voxels": ("i1", (rows, bins, size, size))}
    done_path = root / "done.jsonl"
    if not (root / "plan.json").is_file():
        for name, (dtype, shape) in shapes.items():
            np.lib.format.open_memmap(root / f"{name}.npy", "w+", dtype, shape).flush()
        done_path.unlink(missing_ok=True)
        write_atomically(root / "plan.json", json.dumps(plan))
    done = {entry["name"]: entry for entry in _read_lines(done_path)}
    jobs = [
        (root, s, int(f), size, bins, plan["zoom"])
        for s, f in zip(sequences, firsts, strict=False)
        if s.name not in done
    ]
    with done_path.open("a") as log:
        for entry in _progress(_run(jobs, workers), len(sequences), len(done)):
            log.write(json.dumps(entry) + "\n")
            log.flush()
            done[entry["name"]] = entry
    valid, times = np.zeros(rows, bool), np.zeros((rows, 2), np.int64)
    for sequence, first in zip(sequences, firsts, strict=False):
        entry = done[sequence.name]
        valid[first : first + len(sequence.numbers)] = entry["valid"]
        times[first : first + len(sequence.numbers)] = entry["times"]
        skipped.entries += [tuple(pair) for pair in entry["skipped"]]
    clipped = sum(entry["clipped"] for entry in done.values())
    if clipped:
        skipped.add(
            f"{clipped} of {rows * bins * size * size} voxels",
            f"clipped at ±{VOXEL_LIMIT:g} events per pixel",
        )
    np.save(root / "valid.npy", valid)
    np.save(root / "times.npy", times)
    packed = [
        {"name": s.name, "subject": s.subject, "label": s.label, "lighting": s.lighting, "subset": s.subset,
         "first": int(f), "numbers": s.numbers, "segment": s.segment, "skin": s.skin}
        for s, f in zip(sequences, firsts, strict=False)
    ]  # fmt: skip
    about = {"size": size, "bins": bins, "zoom": plan["zoom"]}
    index = {**about, "sequences": packed, "skipped": skipped.entries, "extra": extra}
    write_atomically(root / "index.json", json.dumps(index))
    if skipped.entries:
        print(skipped.report())


def _run(jobs: list[_Job], workers: int) -> Iterator[dict[str, Any]]:
    if workers == 1 or len(jobs) < 2:
        yield from map(_pack_sequence, jobs)
        return
    with ProcessPoolExecutor(min(workers, len(jobs)), get_context("spawn")) as pool:
        yield from pool.map(_pack_sequence, jobs, chunksize=4)


def _pack_sequence(job: _Job) -> dict[str, Any]:
    """Write one sequence's rows; return which are valid and what was skipped."""
    import cv2

    cv2.setNumThreads(1)
    root, sequence, first, size, bins, zoom = job
    skipped, valid, clipped = Skipped(), [], 0
    times: list[tuple[int, int]] = []
    frames = np.load(root / "frames.npy", mmap_mode="r+")
    voxels = np.load(root / "voxels.npy", mmap_mode="r+")
    raw = None
    if sequence.raw is not None:
        try:
            raw = read_raw(sequence.raw)
        except McoeError:
            skipped.add(sequence.raw, "damaged event file, its event images used")
    for i, number in enumerate(sequence.numbers):
        ends = raw[1] if raw is not None and number < len(raw[1]) else None
        end = int(ends[number]) if ends is not None else (number + 1) * PIECE_US
        start = int(ends[number - 1]) if ends is not None and number > 0 else end - PIECE_US
        times.append((start, end))
        image = read_image(sequence.frames[i])
        grid = reason = None
        if image is None:
            reason = "damaged frame"
        else:
            height, width = image.shape[:2]
            roi = framed((width, height), zoom)
            if raw is not None and ends is not None:
                try:
                    events = _between(raw[0], start, end)
                    grid = voxel_input(events, (start, end), (width, height), roi, size, bins)
                except ValueError:
                    reason = "events unsorted or outside the frame"
            else:
                path = sequence.events[i]
                event_image = read_image(path) if path is not None else None
                if event_image is None or event_image.ndim != 2:
                    reason = "damaged or missing event image"
                else:
                    grid = event_image_voxel(event_image, size, bins, roi)
        valid.append(reason is None)
        if reason is not None:
            skipped.add(f"{sequence.name} frame {number}", reason)
        elif image is not None and grid is not None:
            frames[first + i] = encode_rgb(rgb_input(image, roi, size))[: frames.shape[1]]
            voxels[first + i] = encode_voxel(grid)
            clipped += int((np.abs(grid) > VOXEL_LIMIT).sum())
    frames.flush()
    voxels.flush()
    told = {"valid": valid, "times": times, "skipped": skipped.entries, "clipped": clipped}
    return {"name": sequence.name, **told}


def _between(events: NDArray[np.void], start: int, end: int) -> NDArray[np.void]:
    first, last = np.searchsorted(events["timestamp"], (start, end))
    return events[first:last]


def _channels(sequence: Sequence) -> int:
    image = next((i for i in map(read_image, sequence.frames) if i is not None), None)
    return 3 if image is not None and image.ndim == 3 else 1


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """Read the log of a build; a last line cut short by a kill counts as not written."""
    entries = []
    if path.is_file():
        for line in path.read_text().splitlines():
            with contextlib.suppress(ValueError):
                entries.append(json.loads(line))
    return entries


def _progress(entries: Iterable[dict[str, Any]], total: int, done: int) -> Iterator[dict[str, Any]]:
    from mcoe.train.console import Bar

    with Bar("packing", total, done) as bar:
        for entry in entries:
            yield entry
            bar.step()


def write_atomically(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` in one step, so that a kill leaves the old or the new, never a half."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
