"""Timing that survives a busy machine: contenders take turns, the median speaks, ratios come from the same run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from mcoe.core.device import pick_device


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    ``value`` is the median in ``unit``, ``spread`` its (p5, p95), ``ratio`` how much faster than the group's first.
    """

    group: str
    name: str
    value: float
    unit: str
    spread: tuple[float, float]
    ratio: float


def race(
    group: str,
    contenders: Mapping[str, Callable[[], object]],
    *,
    seconds: float,
    per_second: float | None = None,
    burst: int = 1,
) -> list[Row]:
    """Time the contenders in turns for about ``seconds`` each and return a row each, the first being the reference.

    Args:
        per_second: items a call handles; rows then show millions of items per second, else milliseconds a call.
        burst: calls a turn; above 1, an untimed call comes first, in which the thread pool of the one before goes idle.
    """
    for call in contenders.values():  # compile, allocate, fill caches
        call()
        call()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    spent = dict.fromkeys(contenders, 0.0)
    while any(spent[name] < seconds or len(times[name]) < 5 for name in contenders):
        for name, call in contenders.items():
            if spent[name] >= seconds and len(times[name]) >= 5:
                continue
            if burst > 1:
                call()
            for _ in range(burst):
                _synchronise()
                started = time.perf_counter()
                call()
                _synchronise()
                took = time.perf_counter() - started
                times[name].append(took)
                spent[name] += took
    reference = float(np.median(next(iter(times.values()))))
    rows = []
    for name, taken in times.items():
        low, median, high = (float(v) for v in np.percentile(taken, (5, 50, 95)))
        if per_second is None:
            rows.append(Row(group, name, median * 1e3, "ms", (low * 1e3, high * 1e3), reference / median))
        else:
            rate = per_second / 1e6
            rows.append(Row(group, name, rate / median, "M/s", (rate / high, rate / low), reference / median))
    return rows


def table(rows: list[Row]) -> str:
    """Format rows as a Markdown table, a group after the other."""
    lines = ["| what | median | 5–95 % | against the first |", "|---|---|---|---|"]
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            lines.append(f"| **{group}** | | | |")
        lines.append(
            f"| {row.name} | {row.value:.3g} {row.unit} | {row.spread[0]:.3g}–{row.spread[1]:.3g} | {row.ratio:.2f}× |"
        )
    return "\n".join(lines)


def _synchronise() -> None:
    if pick_device("auto").type == "cuda":
        torch.cuda.synchronize()
