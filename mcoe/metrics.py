"""WAR, UAR, accuracy per lighting and emotion, calibration, and their intervals over subjects.

WAR is the share of sequences that are right, UAR the mean of the classes' recalls (paper, 4). Intervals resample
**subjects**, not sequences: 28 sequences of one person are not 28 independent observations. Virtual people who share a
skin are not independent either: where skins are known, they are resampled first, then the subjects who wear them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcoe.data.layout import LIGHTINGS
from mcoe.model.config import EMOTIONS

Float = NDArray[np.float64]
Int = NDArray[np.int64]

#: Table 1's columns, in its order, by the keys of :func:`scores`.
COLUMNS = ("WAR", "UAR", *LIGHTINGS, *EMOTIONS)
RESAMPLES = 2000
#: Shares of all answers that the risk–coverage curve is read at.
COVERAGE = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
#: Steps of the light continuum, mean grey levels.
GREYS = (0, 1, 3, 10, 40, 90, 150, 200, 235, 256)


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a network said of ``n`` sequences.

    Attributes:
        names, subjects: ``n`` each.
        labels, lightings: ``(n,)`` true indices in EMOTIONS and LIGHTINGS.
        scores: ``(n, J)``; the largest is the answer.
        probabilistic: whether ``scores`` are probabilities, so that calibration means something.
        grey: ``(n,)`` mean grey level 0..255 of the frame that was judged, where one frame was.
        skins: ``n`` skins of virtual subjects; empty where none is known.
    """

    names: tuple[str, ...]
    subjects: tuple[str, ...]
    labels: Int
    lightings: Int
    scores: Float
    probabilistic: bool = True
    grey: Float | None = None
    skins: tuple[str, ...] = ()

    @property
    def answers(self) -> Int:
        """``(n,)`` predicted class."""
        return np.asarray(self.scores.argmax(1), np.int64)

    def confusion(self) -> Int:
        """``(J, J)`` counts, rows true, columns predicted."""
        table = np.zeros((len(EMOTIONS), len(EMOTIONS)), np.int64)
        np.add.at(table, (self.labels, self.answers), 1)
        return table


def scores(predictions: Predictions) -> dict[str, float]:
    """Return every column of :data:`COLUMNS` (shares, 0..1; NaN where nothing is true of it) and ``ECE``."""
    counts = _subject_counts(predictions)
    values = dict(zip(COLUMNS, _columns(counts.sum(0, keepdims=True))[0].tolist(), strict=True))
    values["ECE"] = calibration_error(predictions) if predictions.probabilistic else float("nan")
    return values


def intervals(runs: Sequence[Predictions], resamples: int = RESAMPLES, seed: int = 0) -> dict[str, tuple[float, float]]:
    """Bootstrap 95 % intervals of the runs' mean scores over subjects, and over skins where they are known.

    Every resample draws the same subjects for all runs, so the runs' mean is resampled as a whole.

    Returns:
        ``(2.5 %, 97.5 %)`` per column; NaN with a single subject.
    """
    subjects = sorted({s for run in runs for s in run.subjects})
    if len(subjects) < 2:
        return {name: (float("nan"), float("nan")) for name in COLUMNS}
    draws = _resample(subjects, runs, resamples, seed)
    values = np.mean([_columns(np.tensordot(draws, _subject_counts(run, subjects), 1)) for run in runs], axis=0)
    low, high = _nan_quantiles(values)
    return {name: (float(a), float(b)) for name, a, b in zip(COLUMNS, low, high, strict=True)}


def differences(
    rows: Sequence[Predictions], base: Sequence[Predictions], resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, tuple[float, float, float]]:
    """Mean scores of ``rows`` minus those of ``base``, with paired bootstrap 95 % intervals over subjects.

    Every resample draws the same subjects for both, so what is easy or hard about a person cancels out: two networks
    whose own intervals overlap may still differ.

    Returns:
        ``(difference, 2.5 %, 97.5 %)`` per column; NaN with a single subject.

    Raises:
        ValueError: the two did not answer for the same subjects.
    """
    subjects = sorted({s for run in rows for s in run.subjects})
    if subjects != sorted({s for run in base for s in run.subjects}):
        raise ValueError("a paired difference needs the same subjects on both sides")
    draws = _resample(subjects, [*rows, *base], resamples, seed)
    draws[0] = 1  # the sample itself

    def values(runs: Sequence[Predictions]) -> Float:
        each = [_columns(np.tensordot(draws, _subject_counts(run, subjects), 1)) for run in runs]
        return np.asarray(np.mean(each, axis=0), np.float64)

    gap = values(rows) - values(base)
    low, high = _nan_quantiles(gap[1:]) if len(subjects) > 1 else (np.full(gap.shape[1], np.nan),) * 2
    return {n: (float(d), float(a), float(b)) for n, d, a, b in zip(COLUMNS, gap[0], low, high, strict=True)}


def calibration_error(predictions: Predictions, bins: int = 15) -> float:
    """Expected calibration error: mean |accuracy - confidence| over ``bins`` equal confidence bins, by size."""
    confidence = predictions.scores.max(1)
    right = predictions.answers == predictions.labels
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(which, right - confidence, bins)
    return float(np.abs(gaps).sum() / len(right))


def risk_coverage(predictions: Predictions, shares: Sequence[float] = COVERAGE) -> dict[str, float]:
    """Accuracy of the surest answers, per share of all that is answered: ``1``, ``0.9`` … as keys."""
    surest = np.argsort(-predictions.scores.max(1), kind="stable")
    right = (predictions.answers == predictions.labels)[surest]
    return {f"{share:g}": float(right[: max(1, round(share * len(right)))].mean()) for share in shares}


def by_grey(predictions: Predictions, edges: Sequence[float] = GREYS) -> list[dict[str, float]]:
    """Accuracy by the judged frame's mean grey level: light as a continuum, from empty to white.

    Returns:
        Per step of ``edges`` that has an answer: ``from``, ``to``, ``answers``, ``subjects``, ``accuracy``.

    Raises:
        ValueError: the predictions are not of single frames.
    """
    if predictions.grey is None:
        raise ValueError("a grey level belongs to one frame: predict per window")
    right, subjects = predictions.answers == predictions.labels, np.array(predictions.subjects)
    found = []
    for low, high in pairwise(edges):
        inside = (predictions.grey >= low) & (predictions.grey < high)
        if inside.any():
            counts = {"answers": int(inside.sum()), "subjects": len(set(subjects[inside]))}
            found.append({"from": low, "to": high, **counts, "accuracy": float(right[inside].mean())})
    return found


def table(rows: Sequence[tuple[str, dict[str, float], dict[str, tuple[float, float]] | None]]) -> str:
    """Lay out rows ``(title, scores, intervals)`` like the paper's Table 1, in percent, as Markdown."""
    heads = ["Method", *(name[0].upper() + name[1:] for name in COLUMNS), "ECE"]
    cells = [heads]
    for title, values, bounds in rows:
        cells.append([title, *(_percent(values[name]) for name in COLUMNS), _percent(values["ECE"])])
        if bounds is not None:
            spans = (f"{100 * bounds[n][0]:.0f}–{100 * bounds[n][1]:.0f}" for n in COLUMNS)
            cells.append(["  95 %", *(span.replace("nan–nan", "–") for span in spans), ""])
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in cells]
    return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])


def mean_scores(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    """Average repeated runs' scores, column by column."""
    return {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}


def lighting_gap(values: dict[str, float]) -> float:
    """Best lighting's accuracy minus the worst's, 0..1."""
    of = [values[name] for name in LIGHTINGS if not np.isnan(values[name])]
    return max(of) - min(of) if of else float("nan")


def clean(value: Any) -> Any:
    """Make a nested value fit for JSON: NaN becomes None, tuples lists."""
    if isinstance(value, dict):
        return {key: clean(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [clean(v) for v in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def _percent(value: float) -> str:
    return "–" if np.isnan(value) else f"{100 * value:.1f}"


def _resample(subjects: Sequence[str], runs: Sequence[Predictions], resamples: int, seed: int) -> Int:
    """How often each subject is drawn, ``(resamples, n_subjects)``: skins with replacement, then as many of each drawn
    skin's subjects as wear it; subjects alone where fewer than two skins are known."""
    rng = np.random.default_rng(seed)
    skin_of = {s: k for run in runs for s, k in zip(run.subjects, run.skins, strict=False) if k}
    skins = sorted({skin_of.get(s, "") for s in subjects})
    n = len(subjects)
    if len(skins) < 2:
        return np.asarray(rng.multinomial(n, np.full(n, 1 / n), resamples), np.int64)
    worn = [np.array([i for i, s in enumerate(subjects) if skin_of.get(s, "") == skin]) for skin in skins]
    draws = np.zeros((resamples, n), np.int64)
    times = rng.multinomial(len(skins), np.full(len(skins), 1 / len(skins)), resamples)  # (resamples, n_skins)
    for who, often in zip(worn, times.T, strict=True):
        draws[:, who] = rng.multinomial(often * len(who), np.full(len(who), 1 / len(who)))
    return draws


def _subject_counts(predictions: Predictions, subjects: Sequence[str] | None = None) -> Int:
    """Counts ``(n_subjects, 2, J + n_lightings)``: right and all, per class and per lighting."""
    order = {s: i for i, s in enumerate(subjects or sorted(set(predictions.subjects)))}
    who = np.array([order[s] for s in predictions.subjects])
    right = (predictions.answers == predictions.labels).astype(np.int64)
    counts = np.zeros((len(order), 2, len(EMOTIONS) + len(LIGHTINGS)), np.int64)
    for column in (predictions.labels, len(EMOTIONS) + predictions.lightings):
        np.add.at(counts[:, 0], (who, column), right)
        np.add.at(counts[:, 1], (who, column), 1)
    return counts


def _columns(counts: Int) -> Float:
    """Turn counts ``(R, 2, J + n_lightings)`` into ``(R, len(COLUMNS))``."""
    right, total = counts[:, 0].astype(float), counts[:, 1].astype(float)
    rates = np.divide(right, total, out=np.full_like(right, np.nan), where=total > 0)
    emotions, lightings = rates[:, : len(EMOTIONS)], rates[:, len(EMOTIONS) :]
    classes = slice(0, len(EMOTIONS))
    war = right[:, classes].sum(1) / total[:, classes].sum(1)
    seen = ~np.isnan(emotions)
    uar = np.where(seen, emotions, 0).sum(1) / seen.sum(1)
    return np.concatenate([war[:, None], uar[:, None], lightings, emotions], 1)


def _nan_quantiles(values: Float) -> tuple[Float, Float]:
    """2.5 % and 97.5 % of each column over rows, rows with NaN left out; NaN for an all-NaN column."""
    low, high = np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    for i, column in enumerate(values.T):
        known = column[~np.isnan(column)]
        if known.size:
            low[i], high[i] = np.quantile(known, (0.025, 0.975))
    return low, high
