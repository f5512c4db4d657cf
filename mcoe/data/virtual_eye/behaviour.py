"""What an eye does: action units of an emotion as this subject shows it, blinks, gaze and the slip of the head mount.

Amplitudes, timing, co-occurring units and resting face differ per subject and per take, so that no template gives a
label away. The recipes name the action units usually given for each emotion; nobody rated them on these faces.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mcoe.core.words import EMOTIONS
from mcoe.data.virtual_eye.face import FacePack
from mcoe.data.virtual_eye.geometry import CLOSURE, LIMBUS_RADIUS, SHAPE

Float = NDArray[np.float64]
FRAME_RATE = 30.0
STEP_US = 2000  # grid of a plan
DEGREES = {"mild": (0.7, 0.9), "medium": (0.8, 1.0), "strong": (0.95, 1.2)}

#: Shapes that carry an action unit, with their weight at AU intensity 1.
ACTION_UNITS: dict[str, dict[str, float]] = {
    "1": {"browInnerUp_R": 1.0, "browInnerUp_L": 1.0},
    "2": {"browOuterUp_R": 1.0},
    "4": {"browDown_R": 1.0, "browDown_L": 1.0},
    "5": {"eyeWide_R": 1.0},
    "6": {"cheekSquint_R": 0.85, "cheekRaiser_R": 0.6},
    "7": {"eyeSquint_R": 1.0},
    "9": {"noseSneer_R": 0.85, "noseSneer_L": 0.85},
    "10": {"mouthUpperUp_R": 0.8, "mouthUpperUp_L": 0.8},
    "12": {"mouthSmile_R": 0.9, "mouthSmile_L": 0.9},
    "14": {"mouthDimple_R": 0.8},
    "15": {"mouthFrown_R": 0.9, "mouthFrown_L": 0.9},
    "20": {"mouthStretch_R": 0.9},
    "24": {"mouthPress_R": 0.8},
    "26": {"jawOpen": 0.6},
    "43": {"eyeBlink_R": 1.0},
    "pupil": {"PupilDilate_R": 1.0},
}
#: Per emotion: action unit -> (mean, spread over subjects, share of subjects who show it).
RECIPES: dict[str, dict[str, tuple[float, float, float]]] = {
    "happy": {"6": (0.85, 0.25, 0.9), "12": (1.0, 0.2, 1.0), "7": (0.35, 0.2, 0.7), "43": (0.1, 0.08, 0.3)},
    "sad": {"1": (0.9, 0.25, 0.95), "4": (0.35, 0.25, 0.7), "15": (0.8, 0.3, 0.8), "43": (0.28, 0.1, 0.85),
            "7": (0.2, 0.1, 0.3)},
    "angry": {"4": (1.0, 0.2, 1.0), "7": (0.5, 0.2, 0.9), "5": (0.3, 0.15, 0.6), "9": (0.2, 0.12, 0.4),
              "24": (0.6, 0.3, 0.6)},
    "disgust": {"9": (0.9, 0.2, 0.95), "10": (0.8, 0.3, 0.9), "7": (0.5, 0.25, 0.8), "4": (0.45, 0.25, 0.75),
                "6": (0.4, 0.2, 0.6)},
    "surprise": {"1": (1.0, 0.2, 1.0), "2": (0.9, 0.25, 0.95), "5": (0.85, 0.2, 0.95), "26": (0.8, 0.3, 0.8)},
    "fear": {"1": (0.9, 0.2, 1.0), "4": (0.5, 0.25, 0.85), "5": (0.85, 0.2, 0.95), "7": (0.3, 0.15, 0.7),
             "20": (0.7, 0.3, 0.8), "2": (0.35, 0.2, 0.5), "pupil": (0.5, 0.2, 0.8)},
    "neutral": {},
}  # fmt: skip
_STRAY = ("1", "2", "4", "6", "7", "12", "14", "24", "43")


@dataclass(frozen=True)
class Temperament:
    """How one subject moves: ``recipes`` (emotion -> AU -> intensity), ``strength``, ``speed`` (factor on durations),
    ``blinks`` and ``saccades`` per second, and the face at rest (AU -> intensity)."""

    recipes: dict[str, dict[str, float]]
    strength: float
    speed: float
    blinks: float
    saccades: float
    slip: float
    rest: dict[str, float]


def draw_temperament(seed: int, number: int) -> Temperament:
    """Draw how subject ``number`` of data set ``seed`` moves."""
    rng = np.random.default_rng([seed, 202, number])
    gain = {au: float(np.clip(rng.normal(1, 0.2), 0.5, 1.5)) for au in ACTION_UNITS}
    recipes = {
        emotion: {
            au: max(0.0, rng.normal(mean, spread)) * gain[au]
            for au, (mean, spread, share) in units.items()
            if rng.random() < share
        }
        for emotion, units in RECIPES.items()
    }
    weak = rng.random() < 0.15
    return Temperament(
        recipes=recipes,
        strength=rng.uniform(0.55, 0.75) if weak else rng.uniform(0.8, 1.15),
        speed=float(np.clip(rng.lognormal(0, 0.25), 0.6, 1.7)),
        blinks=rng.uniform(0.15, 0.6),
        saccades=rng.uniform(0.3, 1.2),
        slip=rng.uniform(0.4, 1.8),
        rest={au: rng.uniform(0, most) for au, most in (("4", 0.1), ("7", 0.1), ("43", 0.1), ("1", 0.06))},
    )


@dataclass(frozen=True)
class Plan:
    """A take on a grid of :data:`STEP_US`: ``weights`` ``(T, K)`` per ``pack.SHAPES``, ``gaze`` ``(T, 2)`` degrees,
    ``slip`` ``(T, 2)`` cm, and ``segments`` (start µs, end µs, label)."""

    weights: Float
    gaze: Float
    slip: Float
    segments: tuple[tuple[int, int, str], ...]

    @property
    def duration_us(self) -> int:
        return (len(self.weights) - 1) * STEP_US


def minimum_jerk(x: Float) -> Float:
    """The smooth step 10 x³ - 15 x⁴ + 6 x⁵ between 0 and 1 (Flash and Hogan 1985)."""
    x = np.clip(x, 0, 1)
    out: Float = x**3 * (10 - 15 * x + 6 * x * x)
    return out


def _hump(t: Float, start: float, rise: float, hold: float, fall: float) -> Float:
    return minimum_jerk((t - start) / rise) * (1 - minimum_jerk((t - start - rise - hold) / fall))


def _add(weights: Float, au: str, amount: Float) -> None:
    for shape, share in ACTION_UNITS[au].items():
        weights[:, SHAPE[shape]] += share * amount


def draw_frames(rng: np.random.Generator) -> int:
    """Draw a sequence's length: 18..131 frames, mean about 54, as in the real set."""
    return int(np.clip(np.rint(rng.lognormal(np.log(50), 0.42)), 18, 131))


def plan_take(
    temperament: Temperament,
    emotion: str,
    degree: str,
    duration_s: float,
    rng: np.random.Generator,
    onset: float | None = None,
) -> Plan:
    """Plan one expression.

    Args:
        emotion: one of ``EMOTIONS``; neutral has idle movement only.
        degree: a key of :data:`DEGREES`.
        duration_s: length of the take.
        onset: its start, s; drawn when None so that the apex covers a good part of the take.
    """
    t = np.arange(round(duration_s * 1e6 / STEP_US) + 1).astype(np.float64) * (STEP_US * 1e-6)
    weights = np.zeros((len(t), len(SHAPE)))
    for au, amount in temperament.rest.items():
        _add(weights, au, np.full(len(t), amount * rng.uniform(0.7, 1.3)))
    start, rise, hold, fall = _timing(temperament, duration_s, rng, onset)
    strength = temperament.strength * rng.uniform(*DEGREES[degree])
    look = np.zeros((len(t), 2))
    for au, amount in temperament.recipes[emotion].items():
        lag, own = rng.normal(0, 0.04), rng.normal(1, 0.12)
        _add(
            weights,
            au,
            max(0.0, amount * strength * own) * _hump(t, start + lag, rise * rng.uniform(0.85, 1.2), hold, fall),
        )
    for au in _STRAY:  # co-occurring units that belong to no label
        if rng.random() < 0.12:
            begin, length = rng.uniform(-0.3, duration_s), rng.uniform(0.2, 0.6)
            _add(weights, au, rng.uniform(0.05, 0.25) * _hump(t, begin, length, rng.uniform(0, 1.0), length))
    if emotion == "sad":
        look[:, 1] -= rng.uniform(0, 14) * strength * _hump(t, start, rise, hold, fall)
    weights += _idle(t, rng)
    gaze = look + _gaze(t, temperament, rng)
    weights[:, SHAPE["eyeBlink_R"]] = _blinks(t, weights[:, SHAPE["eyeBlink_R"]], temperament.blinks, rng)
    segment = (round(max(start, 0) * 1e6), round(min(start + rise + hold + fall, duration_s) * 1e6), emotion)
    if emotion == "neutral":
        segment = (0, round(duration_s * 1e6), emotion)
    slip = _slip(t, temperament.slip, weights, rng)
    return Plan(_anatomical(weights), gaze, slip, (segment,))


def _anatomical(weights: Float) -> Float:
    """Bound what units add up to: each shape by its range, AU 6 and 7 together so that a smile leaves the eye open."""
    out = np.clip(weights, 0, 1.05)
    cheek, squint = SHAPE["cheekSquint_R"], SHAPE["eyeSquint_R"]
    both = out[:, cheek] + 0.8 * out[:, squint]
    scale = np.where(both > 1.0, (1.0 + 0.2 * np.tanh(both - 1.0)) / np.maximum(both, 1e-9), 1.0)
    out[:, cheek] *= scale
    out[:, squint] *= scale
    return out


def _timing(
    temperament: Temperament, duration: float, rng: np.random.Generator, onset: float | None
) -> tuple[float, float, float, float]:
    rise = float(np.clip(rng.uniform(0.25, 0.6) * temperament.speed, 0.15, duration))
    fall = rise * rng.uniform(1.0, 1.8)
    start = rng.uniform(-0.5 * rise, 0.25 * duration) if onset is None else onset
    hold = max(0.3 * duration, duration - start - rise - fall * rng.uniform(0.3, 1.3))
    if onset is not None:
        hold = max(0.2, duration - onset - rise - 1.15 * fall)
    return start, rise, hold, fall


def _idle(t: Float, rng: np.random.Generator) -> Float:
    """Slow wandering of brows and lids, 1-2 % rms."""
    out = np.zeros((len(t), len(SHAPE)))
    for name in ("browInnerUp_R", "browDown_R", "eyeSquint_R", "cheekSquint_R", "eyeBlink_R"):
        f, phase = rng.uniform(0.2, 1.2, 3), rng.uniform(0, 2 * np.pi, 3)
        out[:, SHAPE[name]] = rng.uniform(0, 0.03) * (1 + np.sin(2 * np.pi * f * t[:, None] + phase).mean(1))
    return out


def _blinks(t: Float, lid: Float, rate: float, rng: np.random.Generator) -> Float:
    """Add blinks to a lid track: fast closing, slow opening, sometimes incomplete."""
    out = lid
    for start in np.sort(rng.uniform(-0.1, t[-1], rng.poisson(rate * (t[-1] + 0.1)))):
        shut = _hump(t, float(start), rng.uniform(0.06, 0.1), rng.uniform(0.01, 0.06), rng.uniform(0.12, 0.22))
        depth = rng.uniform(0.6, 0.9) if rng.random() < 0.15 else 1.0
        out = out + shut * np.maximum(depth - out, 0)
    return out


def _gaze(t: Float, temperament: Temperament, rng: np.random.Generator) -> Float:
    """Fixation drift, micro-saccades and saccades whose duration follows the main sequence (2.2 ms/degree + 21 ms)."""
    gaze = np.cumsum(rng.normal(0, 0.14 * np.sqrt(STEP_US * 1e-6), (len(t), 2)), 0)
    place = rng.normal(0, (3.5, 2.5))
    gaze += place
    for start in rng.uniform(0, t[-1], rng.poisson(1.2 * t[-1])):
        angle = rng.uniform(0, 2 * np.pi)
        gaze += (
            minimum_jerk((t - start) / 0.02)[:, None]
            * rng.uniform(0.15, 0.5)
            * np.array([np.cos(angle), np.sin(angle)])
        )
    for start in np.sort(rng.uniform(0, t[-1], rng.poisson(temperament.saccades * t[-1]))):
        goal = rng.normal(0, (5, 3.5))
        duration = 0.021 + 0.0022 * float(np.linalg.norm(goal - place))
        gaze += minimum_jerk((t - start) / duration)[:, None] * (goal - place)
        place = goal
    return gaze


def _slip(t: Float, amount: float, weights: Float, rng: np.random.Generator) -> Float:
    """The mount on the head: a random walk, now and then a jolt, and a little lift when the cheek rises; cm."""
    slip = np.cumsum(rng.normal(0, 0.010 * amount * np.sqrt(STEP_US * 1e-6), (len(t), 2)), 0)
    for start in rng.uniform(0, t[-1], rng.poisson(0.2 * t[-1])):
        slip += minimum_jerk((t - start) / rng.uniform(0.05, 0.2))[:, None] * rng.normal(0, 0.04 * amount, 2)
    slip[:, 1] += 0.04 * amount * (weights[:, SHAPE["cheekSquint_R"]] - weights[0, SHAPE["cheekSquint_R"]])
    return slip


def join(plans: list[Plan]) -> Plan:
    """Put plans one after the other, cross-fading 60 ms so that nothing jumps; the gaps are labelled neutral."""
    fade = 60_000 // STEP_US
    joined = plans[0]
    for plan in plans[1:]:
        ramp = minimum_jerk(np.arange(fade) / fade)[:, None]
        slip = plan.slip - plan.slip[0] + joined.slip[-1]
        weights, gaze, slip = (
            np.concatenate([a, a[-1] + ramp * (b[0] - a[-1]), b])
            for a, b in ((joined.weights, plan.weights), (joined.gaze, plan.gaze), (joined.slip, slip))
        )
        shift = joined.duration_us + (fade + 1) * STEP_US
        moved = tuple((s + shift, e + shift, label) for s, e, label in plan.segments)
        joined = Plan(weights, gaze, slip, joined.segments + moved)
    filled: list[tuple[int, int, str]] = []
    at = 0
    for start, end, label in joined.segments:
        if start > at:
            filled.append((at, start, "neutral"))
        filled.append((start, end, label))
        at = end
    if at < joined.duration_us:
        filled.append((at, joined.duration_us, "neutral"))
    return replace(joined, segments=tuple(filled))


def sample_times(
    plan: Plan, pack: FacePack, pixels_per_cm: float, motion_px: float, longest_us: int
) -> NDArray[np.int64]:
    """Choose grid indices to render: nothing moves more than about ``motion_px`` from one to the next (ESIM's adaptive
    sampling by displacement), and no gap is longer than ``longest_us``."""
    rows = np.r_[
        pack.arrays["lid_margin"].ravel(),
        pack.arrays["brow_landmarks"].ravel(),
        np.arange(0, pack.part["skin"].stop, 40),
    ].astype(int)
    points = pack.neutral[rows]
    rows = rows[(np.abs(points[:, 0] + 3) < 4.2) & (np.abs(points[:, 1] - 4) < 3.2)]
    deltas = pack.deltas[:, rows].astype(np.float64)
    deltas[SHAPE["eyeBlink_R"]] *= CLOSURE
    moved = np.diff(plan.weights, axis=0) @ deltas.reshape(len(deltas), -1)
    skin = np.linalg.norm(moved.reshape(len(moved), -1, 3), axis=2).max(1)
    globe = np.linalg.norm(np.radians(np.diff(plan.gaze, axis=0)), axis=1) * 2 * LIMBUS_RADIUS
    mount = np.linalg.norm(np.diff(plan.slip, axis=0), axis=1)
    path = np.r_[0, np.cumsum((skin + globe + mount) * pixels_per_cm)]
    last, longest = len(path) - 1, longest_us // STEP_US
    picked = [0]
    while picked[-1] < last:
        i = picked[-1]
        j = int(np.searchsorted(path, path[i] + motion_px, side="right")) - 1
        picked.append(min(max(j, i + 1), i + longest, last))
    return np.array(picked)


assert set(RECIPES) == set(EMOTIONS)
