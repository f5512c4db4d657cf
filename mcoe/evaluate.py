"""``python -m mcoe evaluate``: WAR, UAR and the rest of the paper's Table 1, with intervals over subjects.

A sequence's answer is the mean of the class probabilities over its evenly spread clips (:mod:`mcoe.predict`).
Besides our own weights it reads folders of prediction files of any network::

    {"results": {sequence name: [{"label": "happiness", "score": 0.9}, …]}}

Several files in a folder are repeated runs; their metrics are averaged. Subject, lighting and emotion come from the
sequence names.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from mcoe.data.clips import STRIDE, clip_set
from mcoe.data.layout import emotion_of, parse_name
from mcoe.data.pack import Pack, open_or_build, write_atomically
from mcoe.errors import McoeError
from mcoe.metrics import (
    Predictions,
    by_grey,
    clean,
    differences,
    intervals,
    lighting_gap,
    mean_scores,
    risk_coverage,
    scores,
    table,
)
from mcoe.model.config import EMOTIONS
from mcoe.model.facts import DEFAULT_WINDOW_US
from mcoe.model.network import MCOENet
from mcoe.model.weights import load_weights
from mcoe.predict import CLIPS, DRAWS, Per, predict_clips, predict_draws
from mcoe.train.feed import Feed


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
        results = json.loads(path.read_text(encoding="utf-8"))["results"]
        names = sorted(results)
        values = np.zeros((len(names), len(EMOTIONS)))
        for row, name in enumerate(names):
            for answer in results[name]:
                column = emotion_of(str(answer["label"]))
                if column is None:
                    raise McoeError(f"{path} predicts '{answer['label']}' for {name}, which is no emotion; correct it.")
                values[row, column] = float(answer["score"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise McoeError(f"{path} is no prediction file ({error!r}); see python -m mcoe evaluate --help.") from error
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
    write_atomically(path, json.dumps({"results": results}))


def main(argv: list[str]) -> int:
    """Evaluate; return the exit code."""
    parser = argparse.ArgumentParser(
        "python -m mcoe evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--weights", type=Path, nargs="+", default=[], help="safetensors files, a row each")
    add("--predictions", type=Path, nargs="+", default=[], help="folders of prediction files, a row each")
    add("--data", type=Path, help="data set or pack to evaluate --weights on")
    add("--pack", type=Path, help="folder for the preprocessed data set (default: DATA/pack_SIZE)")
    add("--subset", choices=("testing", "training"), default="testing")
    add("--mask", nargs="+", choices=("none", "rgb", "event"), default=["none"], help="streams to hide, a row each")
    add("--clips", type=int, default=CLIPS, help=f"clips per sequence ({CLIPS})")
    add("--stride", type=int, help="frames between a clip's two (default: as in training)")
    add("--window-us", type=int, help="length of the event window, µs (default: as in training)")
    add(
        "--per",
        choices=("sequence", "window", "draw"),
        default="sequence",
        help=f"what one answer is about: a sequence, a window, or one random clip a sequence in {DRAWS} runs",
    )
    add("--zoom", type=float, default=1.0, help="read a centred square 1/ZOOM as large (1)")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add("--json", type=Path, help="write scores, intervals and confusion matrices here")
    add("--figure", type=Path, help="write a figure here (.png, .svg or .pdf)")
    add("--save-predictions", type=Path, metavar="DIR", help="write each row's answers as a prediction file")
    args = parser.parse_args(argv)
    if not args.weights and not args.predictions:
        parser.error("give --weights or --predictions")
    if args.weights and args.data is None:
        parser.error("--weights needs --data")
    if args.per == "window" and args.save_predictions:
        parser.error("a prediction file holds an answer per sequence; leave out --save-predictions or --per window")
    if args.clips < 1 or (args.stride or 0) < 0 or (args.window_us or 1) < 1:
        parser.error("--clips and --window-us must be at least 1 and --stride at least 0")
    reports, extra = _evaluate_all(args)
    reports += [report(folder.name, read_predictions(folder)) for folder in args.predictions]
    print(table([(r.title, r.values, r.bounds) for r in reports]))
    compared = [(r, differences(r.runs, reports[0].runs)) for r in reports[1:] if _same_subjects(r, reports[0])]
    for r, found in compared:
        d, low, high = (100 * v for v in found["WAR"])
        print(f"{r.title} minus {reports[0].title}: WAR {d:+.1f} points, paired 95 % interval {low:+.1f} … {high:+.1f}")
    for r in reports:
        if r.runs[0].grey is not None:
            steps = (f"{s['from']:g}–{s['to']:g}: {100 * s['accuracy']:.1f}" for s in by_grey(r.runs[0]))
            print(f"{r.title}, right by mean grey level, %: {', '.join(steps)}")
    kind = "virtual eyes" if "virtual" in json.dumps(extra).lower() else None
    for r in reports:
        gap = lighting_gap(r.values)
        print(f"{r.title}: {len(set(r.runs[0].subjects))} subjects, best minus worst lighting {100 * gap:.1f} points")
    if kind:
        print(f"Accuracy on {kind}.")
    try:
        if args.json:
            write_atomically(
                args.json,
                json.dumps(
                    clean(
                        {
                            "data": extra,
                            "rows": [r.to_dict() for r in reports],
                            "minus_first": {r.title: found for r, found in compared},
                        }
                    ),
                    indent=1,
                ),
            )
        if args.save_predictions:
            args.save_predictions.mkdir(parents=True, exist_ok=True)
            for r in reports:
                for i, run in enumerate(r.runs):
                    write_predictions(args.save_predictions / f"{r.title.replace(' ', '_')}_{i}.json", run)
        if args.figure:
            from mcoe.figures import draw_scores

            draw_scores(args.figure, reports, kind)
    except OSError as error:
        raise McoeError(f"The results cannot be written ({error}); name another place.") from error
    return 0


def _same_subjects(a: Report, b: Report) -> bool:
    return {s for run in a.runs for s in run.subjects} == {s for run in b.runs for s in run.subjects}


def _evaluate_all(args: argparse.Namespace) -> tuple[list[Report], dict[str, Any]]:
    if args.device == "cuda" and not torch.cuda.is_available():
        raise McoeError("No CUDA GPU was found; check nvidia-smi, or evaluate with --device cpu.")
    cuda = args.device != "cpu" and torch.cuda.is_available()
    device = torch.device("cuda" if cuda else "cpu")
    reports, extra = [], {}
    for path in args.weights:
        net, metadata = load_weights(path)
        how = trained_with(metadata)
        how |= {k: v for k, v in (("stride", args.stride), ("window_us", args.window_us)) if v is not None}
        pack = open_or_build(args.data, args.pack, size=net.config.size, bins=net.config.bins, zoom=args.zoom)
        extra = pack.extra
        for word in args.mask:
            mask = None if word == "none" else word
            title = path.stem if path.stem != "best" else path.parent.name
            title += f" without {mask}" if mask else ""
            reports.append(
                evaluate_network(
                    net,
                    pack,
                    title,
                    subset=args.subset,
                    mask=mask,
                    clips=args.clips,
                    device=device,
                    per=args.per,
                    **how,
                )
            )
    return reports, extra
