"""Figures of an evaluation, drawn without a display."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcoe.core.errors import McoeError
from mcoe.core.words import EMOTIONS, LIGHTINGS
from mcoe.evaluation.metrics import Predictions

if TYPE_CHECKING:
    from mcoe.evaluation.report import Report

#: Told apart also by those who see no red and green (Okabe and Ito).
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")


def draw_scores(path: Path, reports: Sequence[Report], kind: str | None = None) -> None:
    """Draw every row's scores with intervals, and the first row's confusion matrix and reliability.

    Args:
        kind: what the accuracy was measured on, such as ``virtual eyes``; part of the title.

    Raises:
        McoeError: matplotlib is not installed, or it cannot write that kind of file.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise McoeError("Figures need matplotlib: pip install 'mcoe-live[train]'.") from error
    figure = Figure(figsize=(12, 8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplot_mosaic([["bars", "bars"], ["confusion", "reliability"]], height_ratios=[2, 3])
    figure.suptitle(f"Accuracy on {kind}" if kind else "Accuracy")
    _bars(axes["bars"], reports)
    _confusion(axes["confusion"], reports[0])
    _reliability(axes["reliability"], reports[0])
    try:
        figure.savefig(path, dpi=150)
    except ValueError as error:
        raise McoeError(f"A figure cannot be written as {path.name}; end it in .png, .svg or .pdf.") from error


def reliability(said: Predictions, bins: int = 10) -> tuple[Any, Any, Any]:
    """Return mean confidence, accuracy and count of each confidence bin that holds a sequence."""
    confidence, right = said.scores.max(1), said.answers == said.labels
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    counts = np.bincount(which, minlength=bins)
    used = counts > 0
    sums = [np.bincount(which, v.astype(float), bins)[used] / counts[used] for v in (confidence, right)]
    return sums[0], sums[1], counts[used]


def _bars(axes: Any, reports: Sequence[Report]) -> None:
    columns = ("WAR", "UAR", *LIGHTINGS, *EMOTIONS)
    places = np.arange(len(columns)) + np.where(np.arange(len(columns)) > 1, 0.5, 0) + np.where(
        np.arange(len(columns)) > 1 + len(LIGHTINGS), 0.5, 0
    )  # fmt: skip
    width = 0.8 / len(reports)
    for i, report in enumerate(reports):
        values = np.array([report.values[name] for name in columns]) * 100
        bounds = np.array([report.bounds[name] for name in columns]).T * 100
        spans = np.nan_to_num(np.abs(bounds - values))
        x = places + (i - (len(reports) - 1) / 2) * width
        axes.bar(x, np.nan_to_num(values), width, label=report.title, color=COLOURS[i % len(COLOURS)],
                 yerr=spans, error_kw={"linewidth": 0.8})  # fmt: skip
    axes.set_xticks(places, columns)
    axes.set_ylim(0, 100)
    axes.set_ylabel("% right, 95 % over subjects")
    axes.legend(loc="lower right", fontsize="small", ncols=min(4, len(reports)))


def _confusion(axes: Any, report: Report) -> None:
    counts = np.sum([run.confusion() for run in report.runs], 0).astype(float)
    share = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=100)
    for row, column in np.ndindex(*share.shape):
        axes.text(column, row, f"{share[row, column]:.0f}", ha="center", va="center", fontsize="small",
                  color="white" if share[row, column] > 60 else "black")  # fmt: skip
    axes.set_xticks(range(len(EMOTIONS)), EMOTIONS, rotation=45, ha="right")
    axes.set_yticks(range(len(EMOTIONS)), EMOTIONS)
    axes.set(xlabel="predicted", ylabel="true", title=f"{report.title}: % of each true class")


def _reliability(axes: Any, report: Report) -> None:
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    if all(run.probabilistic for run in report.runs):
        for run in report.runs:
            confidence, right, counts = reliability(run)
            axes.plot(confidence, right, color=COLOURS[0], linewidth=1)
            axes.scatter(confidence, right, 10 + 150 * counts / counts.sum(), color=COLOURS[0])
        title = f"ECE {100 * report.values['ECE']:.1f} %"
    else:
        title = "scores are no probabilities: no calibration"
    axes.set(xlabel="confidence", ylabel="share right", xlim=(0, 1), ylim=(0, 1), title=title, aspect="equal")
