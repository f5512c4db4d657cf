"""Clips: pairs of frames ``stride`` apart, each with the events of a window that ends with it (design section 1).

The newer frame, the moment that is judged, lies in the annotated segment; the older may lie before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcoe.data.pack import Pack, PackedSequence

#: Frames between the two of a pair: 0.4 s at 30 Hz.
STRIDE = 12

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ClipSet:
    """Every pair that some sequences offer.

    Attributes:
        sequences: those with at least one usable frame, in the given order; unusable: the others.
        pairs: per sequence ``(n, 2)`` rows of the pack, older frame first.
        short: sequences too short for the stride; their pairs lie as far apart as they can.
    """

    sequences: tuple[PackedSequence, ...]
    pairs: tuple[Rows, ...]
    short: tuple[str, ...]
    unusable: tuple[str, ...]

    @property
    def labels(self) -> NDArray[np.int64]:
        return np.array([s.label for s in self.sequences], np.int64)

    def epoch(self, seed: int, epoch: int, per_sequence: int) -> tuple[Rows, NDArray[np.int64]]:
        """Draw one epoch: ``per_sequence`` clips of each sequence, one from each equal part of it, all shuffled.

        Only ``seed`` and ``epoch`` decide, so a resumed run draws what an uninterrupted one would.

        Returns:
            rows ``(n, 2)`` and labels ``(n,)``.
        """
        rng = np.random.default_rng((seed, epoch))
        parts = (np.arange(per_sequence) + rng.random((len(self.pairs), per_sequence))) / per_sequence
        rows = np.concatenate([p[(u * len(p)).astype(int)] for p, u in zip(self.pairs, parts, strict=True)])
        order = rng.permutation(len(rows))
        return rows[order], np.repeat(self.labels, per_sequence)[order]

    def spread(self, most: int) -> tuple[Rows, NDArray[np.int64]]:
        """Take at most ``most`` evenly spread clips of each sequence: rows ``(n, 2)`` and sequence index ``(n,)``."""
        picks = [p[np.unique(np.linspace(0, len(p) - 1, min(most, len(p))).round().astype(int))] for p in self.pairs]
        return np.concatenate(picks), np.repeat(np.arange(len(picks)), [len(p) for p in picks])


def clip_set(pack: Pack, sequences: Sequence[PackedSequence], stride: int = STRIDE) -> ClipSet:
    """List the pairs of ``sequences``; frames that the pack marks as damaged are in none."""
    kept, pairs, short, unusable = [], [], [], []
    for sequence in sequences:
        found, was_short = _pairs(pack, sequence, stride)
        if not len(found):
            unusable.append(sequence.name)
            continue
        kept.append(sequence)
        pairs.append(found)
        if was_short:
            short.append(sequence.name)
    return ClipSet(tuple(kept), tuple(pairs), tuple(short), tuple(unusable))


def _pairs(pack: Pack, sequence: PackedSequence, stride: int) -> tuple[Rows, bool]:
    row_of = {n: sequence.first + i for i, n in enumerate(sequence.numbers) if pack.valid[sequence.first + i]}
    pairs = [(n, (row_of[n - stride], row)) for n, row in row_of.items() if n - stride in row_of]
    first, last = sequence.segment
    # Every pair of a segment that is over before one fits.
    found = [pair for n, pair in pairs if first <= n <= last] or [pair for _, pair in pairs]
    if found or not row_of:
        return np.array(found, np.int64).reshape(-1, 2), False
    return np.array([[row_of[min(row_of)], row_of[max(row_of)]]], np.int64), True


def split_subjects(
    sequences: Sequence[PackedSequence], fraction: float, seed: int
) -> tuple[list[PackedSequence], list[PackedSequence]]:
    """Split by subject into training and validation; at least one subject lands in each if there are two.

    No subject is in both, and only ``seed`` and the set of subjects decide.
    """
    subjects = sorted({s.subject for s in sequences})
    held = max(1, round(fraction * len(subjects))) if fraction > 0 and len(subjects) > 1 else 0
    validation = set(np.random.default_rng(seed).permutation(subjects)[:held].tolist())
    return [s for s in sequences if s.subject not in validation], [s for s in sequences if s.subject in validation]
