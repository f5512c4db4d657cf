"""Figures that compare a virtual recording with what is known of the real sensor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Figures = dict[str, float]
#: What published samples of the real set show (8-bit grey frames; share of pixels in a 33 ms event image).
REAL = {
    "normal": "mean 56 (20-90); ON 1-4 %, OFF 1-6 % while the face moves",
    "low": "mean 6, 75 % of pixels <= 8; ON + OFF 0.5-1.5 %",
    "over": "mean 157, 20 % clipped; ON + OFF 0.2-0.5 %",
    "hdr": "mean 103, 6 % clipped",
}


def sequence_figures(
    frames: NDArray[np.uint8], images: NDArray[np.uint8], moving: NDArray[np.bool_], events: int, duration_s: float
) -> Figures:
    """Measure one sequence.

    Args:
        frames: ``(n, H, W)``.
        images: ``(n, H, W)`` event images, 128 where nothing fired.
        moving: ``(n,)``, whether the face moved in each image's window.
        events: their number in the sequence, ``duration_s`` its length.

    Returns:
        mean, std, clipped (share of 255), dark (share <= 8), on/off (share of pixels while moving; nan if it never
        moved), still (ON + OFF share while nothing moved), rate (events per pixel and second).
    """
    on, off = (images == 255).mean((1, 2)), (images == 0).mean((1, 2))
    return {
        "mean": float(frames.mean()),
        "std": float(frames.std()),
        "clipped": float((frames == 255).mean()),
        "dark": float((frames <= 8).mean()),
        "on": _mean(on[moving]),
        "off": _mean(off[moving]),
        "still": _mean((on + off)[~moving]),
        "rate": events / duration_s / frames[0].size,
    }


def _mean(values: NDArray[np.floating]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def table(rows: list[tuple[str, Figures]]) -> str:
    """Format figures per lighting, mean over (lighting, figures) rows, with what the real set shows."""
    lines = ["lighting  seqs   mean (5..95 %)    std  clipped  <=8    ON     OFF    still  ev/px/s   real set"]
    for name in ("normal", "over", "low", "hdr"):
        found = [f for light, f in rows if light == name]
        if not found:
            continue
        column = {k: np.array([f[k] for f in found]) for k in found[0]}
        low, high = np.percentile(column["mean"], [5, 95])
        m = {k: np.nanmean(v) if np.isfinite(v).any() else float("nan") for k, v in column.items()}
        lines.append(
            f"{name:8} {len(found):5} {m['mean']:6.1f} ({low:3.0f}..{high:3.0f}) {m['std']:6.1f} {m['clipped']:7.1%} "
            f"{m['dark']:6.1%} {m['on']:6.2%} {m['off']:6.2%} {m['still']:6.2%} {m['rate']:7.2f}   {REAL[name]}"
        )
    if rows:
        mean = np.mean([f["mean"] for _, f in rows]) / 255
        spread = np.sqrt(np.mean([f["std"] ** 2 for _, f in rows])) / 255
        lines.append(
            f"all {len(rows)}: mean {mean:.3f}, sd in a sequence {spread:.3f} of full scale (real 0.226, 0.119)"
        )
    return "\n".join(lines)
