"""Numbers and times in words, said alike everywhere."""

from __future__ import annotations


def clock(time_us: int) -> str:
    """Return a duration as ``m:ss.hh``."""
    hundredths = max(0, time_us) // 10_000
    return f"{hundredths // 6000}:{hundredths // 100 % 60:02}.{hundredths % 100:02}"


def short(number: float) -> str:
    """Return a count with three figures and k or M."""
    for limit, unit in ((1e6, " M"), (1e3, " k")):
        if number >= limit:
            return f"{number / limit:.3g}{unit}" if number < 100 * limit else f"{number / limit:.0f}{unit}"
    return f"{number:.0f}"
