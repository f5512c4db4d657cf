"""The laboratory's dials, one for each part of a light, and lights in words."""

from __future__ import annotations

import math

from mcoe.sensor.lighting import Lighting, describe, ev_words, parameters

from ..widgets.dial import Dial

__all__ = ["EV_STEP", "describe", "ev_words", "make_dials"]

#: What one step of the exposure's dial adds, stops.
EV_STEP = parameters(Lighting)["ev"].step


def make_dials(kind: type[Lighting] = Lighting) -> dict[str, Dial]:
    """Return a dial for each part of a :class:`~mcoe.sensor.lighting.Lighting`, by its field's name."""
    return {
        name: Dial(
            row.caption,
            row.low,
            row.high,
            row.step,
            row.default if row.rest is None else row.rest,
            row.words,
            row.hint,
            *((lambda stops: 2.0**stops, math.log2) if row.logarithmic else ()),
        )
        for name, row in parameters(kind).items()
    }
