"""``mcoe evaluate``: WAR, UAR and the rest of the paper's Table 1, with intervals over subjects.

A sequence's answer is the mean of the class probabilities over its evenly spread clips
(:mod:`mcoe.evaluation.predict`).
Besides our own weights it reads folders of prediction files of any network::

    {"results": {sequence name: [{"label": "happiness", "score": 0.9}, …]}}

Several files in a folder are repeated runs; their metrics are averaged. Subject, lighting and emotion come from the
sequence names.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from mcoe.core.device import DEVICES, pick_device
from mcoe.core.errors import McoeError
from mcoe.core.files import SHARED, write_text
from mcoe.data.pack import open_or_build
from mcoe.evaluation.metrics import by_grey, clean, differences, lighting_gap, table
from mcoe.evaluation.predict import CLIPS, DRAWS
from mcoe.evaluation.report import Report, evaluate_network, read_predictions, report, trained_with, write_predictions
from mcoe.model.weights import load_weights
from mcoe.recording.outputs import check_output


def main(argv: list[str]) -> int:
    """Evaluate; return the exit code."""
    parser = argparse.ArgumentParser(
        "mcoe evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
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
    add("--device", choices=DEVICES, default="auto")
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
    for out in filter(None, (args.json, args.figure)):
        check_output(out, args.predictions, args.weights)
    reports, extra = _evaluate_all(args)
    reports += [report(folder.name, read_predictions(folder)) for folder in args.predictions]
    print(table([(r.title, r.values, r.bounds) for r in reports]))
    compared = {r.title: differences(r.runs, reports[0].runs) for r in reports[1:] if _same_subjects(r, reports[0])}
    for title, difference in compared.items():
        d, low, high = (100 * v for v in difference["WAR"])
        print(f"{title} minus {reports[0].title}: WAR {d:+.1f} points, paired 95 % interval {low:+.1f} … {high:+.1f}")
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
            found = {"data": extra, "rows": [r.to_dict() for r in reports], "minus_first": compared}
            write_text(args.json, json.dumps(clean(found), indent=1), SHARED)
        if args.save_predictions:
            args.save_predictions.mkdir(parents=True, exist_ok=True)
            for r in reports:
                for i, run in enumerate(r.runs):
                    write_predictions(args.save_predictions / f"{r.title.replace(' ', '_')}_{i}.json", run)
        if args.figure:
            from mcoe.evaluation.figures import draw_scores

            draw_scores(args.figure, reports, kind)
    except OSError as error:
        raise McoeError(f"The results cannot be written ({error}); name another place.") from error
    return 0


def _same_subjects(a: Report, b: Report) -> bool:
    return {s for run in a.runs for s in run.subjects} == {s for run in b.runs for s in run.subjects}


def _evaluate_all(args: argparse.Namespace) -> tuple[list[Report], dict[str, Any]]:
    device = pick_device(args.device)
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
