"""What an evaluation found: scores of repeated runs with intervals over subjects, and files of predictions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from mcoe.core.errors import McoeError
from mcoe.core.files import write_text
from mcoe.core.json_files import UnreadableJson, read_json
from mcoe.core.timing import STRIDE
from mcoe.core.words import EMOTIONS, emotion_of, parse_name
from mcoe.data.clips import clip_set
from mcoe.data.feed import Feed
from mcoe.data.pack import Pack
from mcoe.evaluation.metrics import (
    Predictions,
    by_grey,
    intervals,
    lighting_gap,
    mean_scores,
    risk_coverage,
    scores,
)
from mcoe.evaluation.predict import CLIPS, Per, predict_clips, predict_draws
from mcoe.model.facts import DEFAULT_WINDOW_US
from mcoe.model.network import MCOENet


@dataclass(frozen=True, slots=True)
class Report:
    """One row of the table: a network's scores, their intervals, and the runs behind them."""

    title: str
    values: dict[str, float]
    bounds: dict[str, tuple[float, float]]
    runs: tuple[Predictions, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what the JSON file holds of this row."""
        subjects = {s for run in self.runs for s in run.subjects}
        first = self.runs[0]
        more: dict[str, Any] = {"risk_coverage": risk_coverage(first)} if first.probabilistic else {}
        if first.grey is not None:
            more["by_grey"] = by_grey(first)
        return more | {
            "title": self.title,
            "runs": len(self.runs),
            "sequences": len(self.runs[0].names),
            "subjects": len(subjects),
            "scores": self.values,
            "intervals_95": self.bounds,
            "lighting_gap": lighting_gap(self.values),
            "classes": list(EMOTIONS),
            "confusion": sum(run.confusion() for run in self.runs).tolist(),  # type: ignore[union-attr]
        }


def report(title: str, runs: Sequence[Predictions]) -> Report:
    """Score repeated runs of one network."""
    return Report(title, mean_scores([scores(run) for run in runs]), intervals(runs), tuple(runs))


def evaluate_network(
    net: MCOENet, pack: Pack, title: str, *, subset: str = "testing", mask: str | None = None,
    clips: int = CLIPS, stride: int = STRIDE, device: torch.device | None = None,
    window_us: int = DEFAULT_WINDOW_US, temperature: float = 1.0, per: Per | Literal["draw"] = "sequence",
) -> Report:  # fmt: skip
    """Evaluate one network on a pack's subset, per sequence, per window or by the authors' random draws.

    Args:
        window_us, temperature: as the weights' metadata say (:func:`trained_with`).

    Raises:
        McoeError: the subset is empty, or ``mask`` hides the only stream that the network has.
    """
    if mask is not None and net.config.modality == mask:
        raise McoeError(f"{title} reads nothing but the {mask} stream; evaluate it without --mask {mask}.")
    chosen = clip_set(pack, pack.subset("training" if subset == "training" else "testing"), stride)
    if not chosen.sequences:
        raise McoeError(f"Not one {subset} sequence of {pack.root} has a usable clip; check its frames.")
    if chosen.unusable:
        print(f"{len(chosen.unusable)} sequences without a usable clip: {', '.join(chosen.unusable[:5])}")
    place = device or torch.device("cpu")
    net.to(place)
    feed = Feed(pack, place, window_us, resident=False)
    if per == "draw":
        return report(title, predict_draws(net, feed, chosen, mask=mask, temperature=temperature))
    said = predict_clips(net, feed, chosen, most=clips, mask=mask, temperature=temperature, per=per)
    return report(title, [said])


def trained_with(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return how weights were trained and are to be read, from their metadata: stride, window and temperature.

    Weights that do not say take pairs 0.4 s apart, windows of 33 ms and logits as they are.
    """
    training = metadata.get("training", {})
    return {
        "stride": int(training.get("stride", STRIDE)),
        "window_us": int(training.get("window_us", DEFAULT_WINDOW_US)),
        "temperature": float(metadata.get("temperature", 1.0)),
    }


def read_predictions(folder: Path) -> list[Predictions]:
    """Read a folder's prediction files (or one file), a run each, in order of name.

    Raises:
        McoeError: there is none, or one is damaged or names a sequence that tells no emotion or lighting.
    """
    paths = [folder] if folder.is_file() else sorted(folder.glob("*.json"))
    if not paths:
        raise McoeError(f"{folder} holds no prediction file; give a folder of .json files.")
    return [_read_run(path) for path in paths]


def _read_run(path: Path) -> Predictions:
    try:
        results = read_json(path)["results"]
        names = sorted(results)
        values = np.zeros((len(names), len(EMOTIONS)))
        for row, name in enumerate(names):
            for answer in results[name]:
                column = emotion_of(str(answer["label"]))
                if column is None:
                    raise McoeError(f"{path} predicts '{answer['label']}' for {name}, which is no emotion; correct it.")
                values[row, column] = float(answer["score"])
        if not np.isfinite(values).all():
            raise UnreadableJson("it holds a score that is no number")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        why = str(error) if isinstance(error, UnreadableJson) else "its results are not as described"
        raise McoeError(f"{path} is no prediction file ({why}); see python -m mcoe evaluate --help.") from error
    said = [parse_name(name) for name in names]
    odd = [name for name, s in zip(names, said, strict=True) if s.label is None or s.lighting is None]
    if odd or not names:
        what = f"names the sequence '{odd[0]}', which tells no emotion or lighting" if odd else "predicts nothing"
        raise McoeError(f"{path} {what}; correct the file.")
    return Predictions(
        names=tuple(names),
        subjects=tuple(s.subject for s in said),
        labels=np.array([s.label for s in said], np.int64),
        lightings=np.array([s.lighting for s in said], np.int64),
        scores=values,
        probabilistic=bool((values >= 0).all() and np.allclose(values.sum(1), 1, atol=0.01)),
    )


def write_predictions(path: Path, said: Predictions) -> None:
    """Write a run in the format that :func:`read_predictions` reads, best answer first."""
    results = {
        name: [{"label": EMOTIONS[j], "score": float(row[j])} for j in np.argsort(-row)]
        for name, row in zip(said.names, said.scores, strict=True)
    }
    write_text(path, json.dumps({"results": results}))
