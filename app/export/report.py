"""A session on one page: a self-contained HTML file with inline drawings, to read, print or send."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from itertools import pairwise
from pathlib import Path

import numpy as np

from mcoe.core.errors import McoeError
from mcoe.core.timing import TICK_US
from mcoe.core.words import EMOTIONS
from mcoe.live.jobs.sweep import READINGS, Sweep
from mcoe.recording.sidecar import Sidecar
from mcoe.results import EngineInfo, Result

from ..widgets import theme
from .writing import write

WIDTH, HEIGHT = 920, 240
#: Points per line: more cannot be told apart on a page.
POINTS = 900
_SWEEP_COLOURS = (theme.TEXT, theme.RGB, theme.EVENT)


def save_report(
    path: Path, name: str, engine: EngineInfo | None, results: Sequence[Result], labels: Sidecar, sweep: Sweep | None
) -> None:
    """Write the report of a session.

    Args:
        name: of the source.
        results: what was predicted, oldest first.
        labels: true labels; an empty one leaves the confusion out.
        sweep: the lighting sweep, if one was run.

    Raises:
        McoeError: nothing was predicted yet, or ``path`` cannot be written.
    """
    if not results:
        raise McoeError("Nothing has been predicted yet; let the recording play first.")
    parts = [_head(name, engine, results), _section("What was read", over_time(results)),
             _section("Where the answers came from", expert_shares(results))]  # fmt: skip
    pairs = [(truth, r) for r in results if (truth := labels.at(r.window.t1_us)) in EMOTIONS]
    if pairs:
        parts.append(_section("Against the labels", confusion(pairs)))
    if sweep is not None:
        parts.append(_section("Under other light", sweep_chart(sweep)))
    when = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    page = _PAGE.format(title=escape(name), style=_STYLE, body="\n".join(parts), when=when)
    write(path, page.encode())


def _head(name: str, engine: EngineInfo | None, results: Sequence[Result]) -> str:
    seconds = (results[-1].window.t1_us - results[0].window.t1_us) / 1e6
    weights = (engine.weights or "untrained network: its answers mean nothing") if engine is not None else "unknown"
    votes = np.bincount([int(r.prediction.probabilities.argmax()) for r in results], minlength=len(EMOTIONS))
    most = EMOTIONS[int(votes.argmax())]
    facts = [
        ("windows", f"{len(results):,}"),
        ("length", f"{abs(seconds):.1f} s"),
        ("named most often", f"{most}, {100 * votes.max() / votes.sum():.0f} %"),
        ("weights", weights),
        ("ran on", f"{engine.device}, {engine.backbone} backbones" if engine is not None else "unknown"),
    ]
    cells = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts)
    return f"<h1>{escape(name)}</h1><dl>{cells}</dl>"


def _section(title: str, drawing: str) -> str:
    return f"<section><h2>{title}</h2>{drawing}</section>"


def over_time(results: Sequence[Result]) -> str:
    """Return an SVG of all seven probabilities over stream time; a seek or loop breaks the lines."""
    picked = [results[i] for i in np.unique(np.linspace(0, len(results) - 1, min(POINTS, len(results))).astype(int))]
    values = np.array([r.prediction.probabilities for r in picked])
    steps = np.array([max(0, b.window.t1_us - a.window.t1_us) if a.window.epoch == b.window.epoch else TICK_US
                      for a, b in pairwise(picked)])  # fmt: skip
    seconds = np.concatenate([[0.0], np.cumsum(steps) / 1e6])
    span = max(float(seconds[-1]), 1e-6)
    left, right = 46, WIDTH - 90
    xs = left + seconds / span * (right - left)
    breaks = [i + 1 for i, (a, b) in enumerate(pairwise(picked)) if a.window.epoch != b.window.epoch]
    out = [_grid(left, right)]
    out += [f'<path d="M{xs[i]:.1f} 8V{HEIGHT - 24}" stroke="{theme.LINE}"/>' for i in breaks]
    for index, name in enumerate(EMOTIONS):
        for piece in np.split(np.arange(len(picked)), breaks):
            points = " ".join(f"{xs[i]:.1f},{_y(values[i, index]):.1f}" for i in piece)
            out.append(
                f'<polyline points="{points}" stroke="{theme.EMOTION_COLOURS[name]}" fill="none" stroke-width="1.6"/>'
            )
    order = np.argsort(-values[-1], kind="stable")
    for index, y in zip(order, spread([_y(values[-1, i]) for i in order]), strict=True):
        name = EMOTIONS[int(index)]
        out.append(_words(right + 8, y + 4, name, theme.EMOTION_COLOURS[name]))
    out += [_words(left, HEIGHT - 6, "0 s"), _words(right, HEIGHT - 6, f"{span:.1f} s", anchor="end")]
    return _svg(out)


def expert_shares(results: Sequence[Result]) -> str:
    """Return an SVG of each expert kind's share of activations and of weight, beside its equal share."""
    kinds = results[0].prediction.expert_kinds
    weight = np.zeros(len(kinds))
    count = np.zeros(len(kinds))
    for result in results:
        np.add.at(weight, result.prediction.chosen, result.prediction.weights)
        np.add.at(count, result.prediction.chosen, 1)
    out, y = [], 8
    for kind in dict.fromkeys(kinds):
        mine = np.array([k == kind for k in kinds])
        colour = theme.KIND_COLOURS[kind]
        equal = float(mine.mean())
        out.append(_words(0, y + 13, f"{kind} ({int(mine.sum())} experts)"))
        for words, total, shade in (("chosen", count, 1.0), ("weight", weight, 0.6)):
            share = float(total[mine].sum() / max(total.sum(), 1e-9))
            out.append(_words(190, y + 13, words, theme.DIM, "end"))
            out.append(f'<rect x="200" y="{y + 2}" width="{600 * share:.1f}" height="13" rx="2" fill="{colour}" '
                       f'opacity="{shade}"/>')  # fmt: skip
            out.append(_words(208 + 600 * share, y + 13, f"{100 * share:.0f} %"))
            x = 200 + 600 * equal
            out.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + 17}" stroke="{theme.TEXT}" stroke-width="1.5"/>'
            )
            y += 19
        y += 8
    out.append(_words(200, y + 10, "The line marks the share that an equal use of all experts would give.", theme.DIM))
    return _svg(out, y + 18)


def confusion(pairs: Sequence[tuple[str | None, Result]]) -> str:
    """Return a table: rows the true emotion, columns the predicted one, in windows; and the accuracy in words."""
    table = np.zeros((len(EMOTIONS), len(EMOTIONS)), int)
    for truth, result in pairs:
        table[EMOTIONS.index(str(truth)), int(result.prediction.probabilities.argmax())] += 1
    right = 100 * np.trace(table) / table.sum()
    rows = []
    for i, name in enumerate(EMOTIONS):
        if not table[i].any():
            continue
        shares = 0.75 * table[i] / table[i].sum()
        inks = [theme.mix(theme.PANEL, theme.EMOTION_COLOURS[name], float(share)).name() for share in shares]
        cells = "".join(f'<td style="background:{ink}">{n or ""}</td>' for ink, n in zip(inks, table[i], strict=True))
        share = f"{100 * table[i, i] / table[i].sum():.0f} %"
        rows.append(f'<tr><th scope="row">{name}</th>{cells}<td class="sum">{share}</td></tr>')
    heads = "".join(f'<th scope="col">{name}</th>' for name in EMOTIONS)
    said = f"<p>{right:.1f} % of {table.sum():,} labelled windows were named rightly.</p>"
    return f'{said}<table><tr><th>label \\ answer</th>{heads}<th class="sum">right</th></tr>{"".join(rows)}</table>'


def sweep_chart(sweep: Sweep) -> str:
    """Return an SVG of accuracy, or of agreement where nothing is labelled, against exposure."""
    values = sweep.agreement if sweep.accuracy is None else sweep.accuracy
    left, right = 46, WIDTH - 110
    low, high = min(sweep.evs), max(sweep.evs)
    xs = [left + (ev - low) / max(high - low, 1e-9) * (right - left) for ev in sweep.evs]
    out = [_grid(left, right)]
    out += [
        _words(x, HEIGHT - 6, (f"{ev:+g}".replace("-", "−") if ev else "0"), theme.DIM, "middle")
        for x, ev in zip(xs, sweep.evs, strict=True)
    ]
    order = np.argsort(-values[-1], kind="stable")
    for index, y in zip(order, spread([_y(values[-1, i]) for i in order]), strict=True):
        colour = _SWEEP_COLOURS[index]
        points = " ".join(f"{x:.1f},{_y(v):.1f}" for x, v in zip(xs, values[:, index], strict=True))
        out.append(f'<polyline points="{points}" stroke="{colour}" fill="none" stroke-width="2"/>')
        out += [
            f'<circle cx="{x:.1f}" cy="{_y(v):.1f}" r="3" fill="{colour}"/>'
            for x, v in zip(xs, values[:, index], strict=True)
        ]
        out.append(_words(right + 10, y + 4, READINGS[index], colour))
    what = "agreement with the answer in the recording's own light" if sweep.accuracy is None else "accuracy"
    return f"<p>{what.capitalize()} against exposure added, EV; {sweep.windows} moments at each.</p>" + _svg(out)


def spread(ys: Sequence[float], gap: float = 15.0) -> list[float]:
    """Move labels at ``ys``, from the top down, so far apart that none covers another or leaves the chart."""
    out: list[float] = []
    for y in ys:
        out.append(max(y, out[-1] + gap if out else 12.0))
    lowest = HEIGHT - 24.0
    for i in reversed(range(len(out))):
        out[i] = min(out[i], lowest)
        lowest = out[i] - gap
    return out


def _y(share: float) -> float:
    return 8 + (1 - float(share)) * (HEIGHT - 32)


def _grid(left: float, right: float) -> str:
    lines = "".join(
        f'<line x1="{left}" x2="{right}" y1="{_y(s)}" y2="{_y(s)}" stroke="{theme.LINE}"/>'
        + _words(left - 6, _y(s) + 4, f"{100 * s:.0f} %", theme.DIM, "end")
        for s in (0, 0.5, 1)
    )
    return f"<g>{lines}</g>"


def _words(x: float, y: float, words: str, colour: str = theme.TEXT, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{escape(words)}</text>'


def _svg(parts: list[str], height: int = HEIGHT) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img">{"".join(parts)}</svg>'


_STYLE = f"""
body {{ background: {theme.BACKGROUND}; color: {theme.TEXT}; max-width: 960px; margin: 24px auto; padding: 0 20px;
  font: 14px/1.5 Inter, "Noto Sans", "Segoe UI", sans-serif; }}
h1 {{ font-size: 22px; margin: 0 0 8px; }} h2 {{ font-size: 15px; margin: 0 0 8px; }}
section {{ background: {theme.PANEL}; border: 1px solid {theme.LINE}; border-radius: 8px; padding: 14px 18px;
  margin: 14px 0; }}
dl {{ display: flex; flex-wrap: wrap; gap: 6px 32px; margin: 0; }} dt, footer {{ color: {theme.DIM}; font-size: 12px; }}
dd {{ margin: 0; }} p {{ margin: 0 0 8px; color: {theme.DIM}; }}
svg {{ width: 100%; height: auto; font-size: 12px; }}
table {{ border-collapse: collapse; font-size: 13px; width: 100%; }}
td, th {{ border: 1px solid {theme.LINE}; padding: 4px 8px; text-align: right; font-weight: 400; }}
th {{ color: {theme.DIM}; }} .sum {{ color: {theme.TEXT}; }}
* {{ print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head>
<body>{body}<footer>MCO-E Live, {when}</footer></body></html>
"""
