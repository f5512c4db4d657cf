"""The lighting laboratory: change the light a recording was made in, in frames and events alike.

Frame and events together tell what light the pixels saw: the frame how much, the events how it moved. That light is
changed, and the same pixels that the training data were recorded with (:mod:`mcoe.sensor.aps`,
:mod:`mcoe.sensor.dvs`) look at it again.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mcoe.events.packets import Events, make_events
from mcoe.sensor.aps import ApsModel, model_of, to_electrons, to_grey
from mcoe.sensor.dvs import DvsModel, EventPixels, Rows

Float32 = NDArray[np.float32]

#: Sampling of the light between two frames, µs: a third of what a voxel grid of three bins in 33 ms resolves.
STEP_US = 4000
#: Samples of a flicker's period.
PER_PERIOD = 8
#: Share of pixels whose first event in a window turns back from the one before: 0.47 … 0.78 in the bundled recordings.
TURNED = 0.5


@dataclass(frozen=True)
class Parameter:
    """A part of a light as one declaration: what it may be, how it is said and set, and what it does to the light.

    Attributes:
        caption: what it is called.
        low, high, step, default: range, smallest change that a control makes (of a logarithmic one, in stops), and the
            value that changes nothing.
        words: writes a value with its unit.
        hint: one sentence.
        logarithmic: whether a control's scale counts doublings.
        of: the parameter without which this one does nothing, and ``joint``, the word that joins it to that one.
        rest: where a control stands while ``of`` is off, if not at the default.
        shade: ``(light, x, y)`` → factor on the light at ``x`` right and ``y`` up, -1 … 1, scaled to a mean of 1.
        pulse: ``(light, µs)`` → factor on the light everywhere, at a time.
    """

    caption: str
    low: float
    high: float
    step: float
    default: float
    words: Callable[[float], str]
    hint: str
    logarithmic: bool = False
    of: str = ""
    joint: str = ""
    rest: float | None = None
    shade: Callable[[Any, Float32, Float32], Float32] | None = None
    pulse: Callable[[Any, float], float] | None = None


def parameter(row: Parameter) -> Any:
    """Return the dataclass field of a :class:`Lighting` that ``row`` declares."""
    return field(default=row.default, metadata={"parameter": row})


def parameters(kind: type[Lighting]) -> dict[str, Parameter]:
    """Return the declaration of each part of a light, by its field's name."""
    return {f.name: f.metadata["parameter"] for f in dataclasses.fields(kind) if "parameter" in f.metadata}


def ev_words(value: float) -> str:
    """Return ``−1.5 EV``."""
    return f"{value:+.3g} EV".replace("-", "−") if value else "0 EV"


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _side(light: Lighting, x: Float32, y: Float32) -> Float32:
    angle = math.radians(light.side_angle)
    along = (x * math.cos(angle) + y * math.sin(angle)) / (abs(math.cos(angle)) + abs(math.sin(angle)))
    return np.asarray(np.exp(0.5 * math.log(light.side_ratio) * along), np.float32)


def _flicker(light: Lighting, time_us: float) -> float:
    return 1.0 - light.flicker_depth * (0.5 + 0.5 * math.sin(2 * math.pi * light.flicker_hz * time_us / 1e6))


@dataclass(frozen=True, slots=True)
class Lighting:
    """A stress to put on the incoming light; the default changes nothing. The camera's own exposure stays.

    Each field is declared by its :class:`Parameter`; ``seed`` is of all noise: the same window gets the same noise
    every time.
    """

    ev: float = parameter(
        Parameter("exposure", -6, 6, 0.25, 0, ev_words, "Light added, in stops: −1 EV is half the light.",
                  pulse=lambda light, _: 2.0**light.ev)
    )  # fmt: skip
    side_ratio: float = parameter(
        Parameter("side light", 1, 64, 0.05, 1, "{:.0f} : 1".format,
                  "HDR: how many times brighter the lit side is than the dark one; the mean light stays.",
                  logarithmic=True, shade=_side)
    )  # fmt: skip
    side_angle: float = parameter(
        Parameter("from", -180, 180, 5, 0, "{:.0f}°".format, "Where the side light comes from: 0° right, 90° above.",
                  of="side_ratio", joint="from")
    )  # fmt: skip
    noise: float = parameter(
        Parameter("sensor noise", 0, 8, 0.25, 0, "{:g} ×".format,
                  "Noise of frame and event pixels against the sensor model's own, which grows as light falls.")
    )  # fmt: skip
    flicker_depth: float = parameter(
        Parameter("flicker", 0, 1, 0.05, 0, _percent, "How much of the light a lamp's flicker takes.", pulse=_flicker)
    )
    flicker_hz: float = parameter(
        Parameter("flicker rate", 0, 200, 1, 0, "{:.0f} Hz".format, "How fast the lamp flickers.",
                  of="flicker_depth", joint="at", rest=50.0)
    )  # fmt: skip
    blur_px: float = parameter(Parameter("blur", 0, 8, 0.25, 0, "{:g} px".format, "Defocus, sensor pixels."))
    seed: int = 0

    def __post_init__(self) -> None:
        for name, row in parameters(type(self)).items():
            if not row.low <= getattr(self, name) <= row.high:
                raise ValueError(f"{name} lies between {row.low} and {row.high}, not {getattr(self, name)}")

    @property
    def active(self) -> bool:
        """Whether it changes anything."""
        rows = parameters(type(self)).items()
        return any(getattr(self, name) != row.default for name, row in rows if not row.of)


def describe(light: Lighting) -> str:
    """Say in one line what a light changes."""
    rows = parameters(type(light))
    parts = []
    for name, row in rows.items():
        if not row.of and getattr(light, name) != row.default:
            more = [f"{r.joint} {r.words(getattr(light, n))}" for n, r in rows.items() if r.of == name]
            parts.append(" ".join([row.caption, row.words(getattr(light, name)), *more]))
    words = ", ".join(parts)
    return f"{words[0].upper()}{words[1:]}." if words else "The light as it came."


#: The four lightings of the data sets, and two more that booths ask for, as stresses on a normally lit recording. The
#: exposures bring its frames to the data sets' mean grey levels.
PRESETS: dict[str, Lighting] = {
    "Original": Lighting(),
    "Low light": Lighting(ev=-3.5, noise=1.0),
    "Over-exposure": Lighting(ev=1.5, noise=1.0),
    "HDR side light": Lighting(ev=1.0, side_ratio=24.0, side_angle=20.0, noise=1.0),
    "Flickering lamp": Lighting(ev=-1.0, flicker_hz=50.0, flicker_depth=0.5, noise=1.0),
    "Night": Lighting(ev=-6.0, noise=2.0),
}


def shade(light: Lighting, size: tuple[int, int]) -> Float32:
    """Return the stressed light over the unstressed one per pixel, at its mean over place: ``(H, W)`` float32."""
    x = np.linspace(-1, 1, size[0], dtype=np.float32)[None, :]
    y = np.linspace(1, -1, size[1], dtype=np.float32)[:, None]
    out = np.ones((size[1], size[0]), np.float32)
    for name, row in parameters(type(light)).items():
        if row.shade is not None and getattr(light, name) != row.default:
            factor = row.shade(light, x, y)
            out *= factor / np.float32(factor.mean())
    return out


def pulse(light: Lighting, time_us: float) -> float:
    """Return the stressed light over the unstressed one at a time, at its mean over the picture."""
    rows = parameters(type(light)).values()
    return math.prod(row.pulse(light, time_us) for row in rows if row.pulse is not None)


def exposed(light: Lighting, start_us: int, end_us: int) -> float:
    """Return the mean of :func:`pulse` over an exposure, which may be of no length."""
    return float(np.mean([pulse(light, start_us + (end_us - start_us) * k / 16) for k in range(16)]))


def stress_image(image: NDArray[np.uint8], light: Lighting, gain: Float32, seed: int) -> NDArray[np.uint8]:
    """Take an 8-bit image, grey or RGB, anew with ``gain`` ``(H, W)`` times the light; returns one of the same shape.

    The noise that is in the image already is scaled with it; what the pixels' own at the new light exceeds it by is
    added.
    """
    model = model_of(image)
    gain = gain if image.ndim == 2 else gain[..., None]
    before = to_electrons(image, model)
    electrons = before * gain
    if light.blur_px > 0:
        electrons = np.asarray(cv2.GaussianBlur(electrons, (0, 0), light.blur_px), np.float32)
    offset: Float32 | float = 0.0
    if light.noise > 0:
        held = np.minimum(electrons, model.full_well * 1.5)
        missing = light.noise**2 * model.variance(held) - gain**2 * model.variance(before)
        noise = np.random.default_rng(seed).standard_normal(held.shape, np.float32)
        electrons = held + np.sqrt(np.maximum(missing, 0)) * noise
        if model.dsnu or model.column:
            pattern = _pattern(model, (image.shape[1], image.shape[0]), light.seed)
            offset = pattern * np.sqrt(np.maximum(light.noise**2 - gain**2, 0))
    return to_grey(electrons, model, offset)


@functools.lru_cache(maxsize=4)
def _pattern(model: ApsModel, size: tuple[int, int], seed: int) -> Float32:
    return model.offsets(size, np.random.default_rng(seed))


def stress_events(
    events: Events,
    light: Lighting,
    irradiance: Float32,
    window_us: tuple[int, int],
    seed: int,
    model: DvsModel | None = None,
) -> Events:
    """Return what event pixels would have sent under ``light``, as a new, ordered array.

    The events give back the log photocurrent of their pixels, from its value at the window's end; pixels of the same
    kind then look at it in the new light. What a pixel did before the window is not known, so it starts settled and
    anywhere between its thresholds.

    Args:
        events: those of the window, sensor coordinates.
        irradiance: ``(H, W)`` the recording's own light at the window's end, see :func:`mcoe.sensor.aps.irradiance`.
        window_us: ``(t0, t1)``, µs.
        seed: of this window's noise.
    """
    model = model or DvsModel()
    rng = np.random.default_rng(seed)
    step = min(STEP_US, 1e6 / light.flicker_hz / PER_PERIOD) if light.flicker_depth and light.flicker_hz else STEP_US
    times = np.linspace(*window_us, max(2, math.ceil((window_us[1] - window_us[0]) / step) + 1)).tolist()
    level = np.array([pulse(light, t) for t in times], np.float32)
    side = shade(light, (irradiance.shape[1], irradiance.shape[0]))
    rows = _seen_again(events, light, irradiance, side, times, level, model, rng)
    rows = np.concatenate([rows, _noise(light.noise, model, irradiance, side * level.mean(), window_us, rng)])
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    y, x = np.divmod(rows[:, 1].astype(np.int64), irradiance.shape[1])
    return make_events(np.minimum(rows[:, 0].astype(np.int64), window_us[1] - 1), x, y, rows[:, 2])


def _seen_again(
    events: Events, light: Lighting, irradiance: Float32, side: Float32, times: list[float], level: Float32,
    model: DvsModel, rng: np.random.Generator,
) -> Rows:  # fmt: skip
    """Show the light that the events tell of, times ``side`` and ``level`` at ``times``, to pixels of the same kind."""
    shape = irradiance.shape
    place = events["y"].astype(np.int64) * shape[1] + events["x"]
    where = np.arange(irradiance.size)
    if light.blur_px == 0 and np.ptp(level) == 0:
        where, place = np.unique(place, return_inverse=True)  # the others see nothing move
    if not len(where):
        return np.empty((0, 3))
    own, side = irradiance.ravel()[where], side.ravel()[where]
    when, place, moves, phase = _path(events, place, model.lag_us(own), int(times[-1]), rng)
    moves *= np.float32(model.threshold)
    ends = np.searchsorted(when, times)
    ends[0] = 0
    log = np.log(own + np.float32(model.dark)) - np.bincount(place, moves, len(own)).astype(np.float32)
    # The recording's own noise is in its events; only what the new light adds to it comes on top. Its steps are
    # thresholds of their own pixel, so that mismatch is in them too.
    quiet = dataclasses.replace(model, leak_hz=0.0, shot_hz=0.0, mismatch=0.0)
    pixels = EventPixels((len(where), 1), quiet, rng)
    out = []
    for k, time_us in enumerate(times):
        part = slice(ends[max(k - 1, 0)], ends[k])
        np.add.at(log, place[part], moves[part])
        seen = np.maximum(np.exp(log) - np.float32(model.dark), 0) * side * level[k]
        if light.blur_px > 0:
            seen = np.asarray(cv2.GaussianBlur(seen.reshape(shape), (0, 0), light.blur_px), np.float32)
        if k:
            out.append(pixels.fire(seen, time_us).copy())
        else:
            pixels.settle(seen, time_us, phase)
    rows = np.concatenate(out)
    rows[:, 1] = where[rows[:, 1].astype(np.int64)]
    return rows


def _path(
    events: Events, place: NDArray[np.int64], lag_us: Float32, end_us: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], Float32, Float32]:
    """Draw a path that the log photocurrent of each pixel may have gone, in thresholds, for it to send its events.

    Events tell where it crossed a threshold, not how far it went on before it turned, nor where it was before the
    first: anywhere up to the next threshold. Without that, pixels with thresholds of their own would see too little.

    Args:
        place: pixel of each event.
        lag_us: per pixel, how late its events are already.

    Returns:
        Times (µs, ascending), pixels and steps of the path, and per pixel how far the reference lies above the light
        before the first.
    """
    order = np.argsort(place, kind="stable")
    place, when = place[order], events["timestamp"][order]
    lag = lag_us[place].astype(np.int64)
    way = np.where(events["polarity"][order] > 0, np.float32(1), np.float32(-1))
    first = np.ones(len(place), np.bool_)
    first[1:] = place[1:] != place[:-1]
    last = np.roll(first, -1)
    turned = first & (rng.random(len(place)) < TURNED)
    turned[1:] |= ~first[1:] & (way[1:] != way[:-1])
    beyond = rng.random(len(place), np.float32) * (last | np.roll(turned, -1))
    came = np.roll(beyond, 1) + 1  # from where it turned, or from the event before
    came[first] = turned[first] + rng.random(int(first.sum()), np.float32)
    until = (when + np.where(last, end_us, np.roll(when, -1))) // 2
    phase = 2 * rng.random(lag_us.size, np.float32) - 1
    phase[place[first]] = np.abs(phase[place[first]]) * np.where(turned, way, -way)[first]
    went = beyond > 0
    when, place = np.concatenate([when - lag, (until - lag)[went]]), np.concatenate([place, place[went]])
    moves = np.concatenate([way * came, (way * beyond)[went]])
    order = np.argsort(when, kind="stable")
    return when[order], place[order], np.asarray(moves[order], np.float32), np.asarray(phase, np.float32)


def _noise(
    amount: float, model: DvsModel, light: Float32, gain: Float32, window_us: tuple[int, int], rng: np.random.Generator
) -> Rows:
    """Draw the noise events that light times ``gain`` brings beyond what is left of those of ``light``."""
    kept = np.minimum(model.response(light, gain), 1) * model.noise_hz(light)
    rate = np.maximum(np.float32(amount) * model.noise_hz(light * gain) - kept, 0)
    counts = rng.poisson(rate.ravel() * ((window_us[1] - window_us[0]) / 1e6))
    place = np.repeat(np.arange(counts.size), counts)
    on = rng.random(len(place)) * (model.leak_hz + model.shot_hz) < model.leak_hz + model.shot_hz / 2
    return np.stack([rng.uniform(*window_us, len(place)), place, on], 1)
