"""What a weights file says of itself: what it was trained on, how well it did, and on whom that was measured.

Only :mod:`mcoe.train` writes ``training`` (its options) together with ``validation`` (the epoch that was kept), so
weights count as trained where both are there; :mod:`mcoe.export` adds ``scores``. Whatever else a file holds is taken
as absent: facts are shown, never guessed.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcoe.data.layout import LIGHTINGS
from mcoe.model.config import ModelConfig

#: Frames at 30 Hz between the two of a pair, where weights do not say what they learnt.
DEFAULT_STRIDE = 12
#: Length of an event window, µs, where weights do not say what they learnt: the real data sets accumulate 33 ms.
DEFAULT_WINDOW_US = 33_000
_NORMALISATION = ("rgb_mean", "rgb_std", "event_std", "rgb_norm", "event_norm")
_SCORES = {"WAR": "WAR, sequences right", "UAR": "UAR, mean of the emotions"} | {
    light: f"accuracy, {light}" for light in LIGHTINGS
}
VIRTUAL = "virtual eyes"


@dataclass(frozen=True, slots=True)
class Score:
    """A share 0..1 and its 95 % interval, if one was measured."""

    value: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{100 * self.value:.1f} %"
        return f"{100 * self.value:.1f} % (95 % interval {100 * self.low:.1f}–{100 * self.high:.1f} %)"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one weights file.

    Attributes:
        name: the file's name.
        config: shape and normalisation of the network.
        classes: the emotions that it tells apart, in its order.
        storage: how its numbers are kept on disk.
        trained: whether training is on record.
        stride: frames at 30 Hz between the two of a pair that it was trained with; None where not on record.
        window_us: length of the event window that it was trained with, µs; 33 ms where not on record.
        temperature: what its logits are divided by so that probabilities mean what they say; 1 where not fitted.
        trained_on: what it was trained on, in words.
        commit, seed: of the training, and of its data; None where not on record.
        sequences, subjects: of the whole data set, those held out for validation and testing among them.
        epoch: the epoch that was kept, from 1.
        scores: measured scores, by the keys of :func:`mcoe.metrics.scores`; empty where none are on record.
        measured_on: what they were measured on, in words.
        test_subjects: how many people (or virtual ones) that were.
    """

    name: str
    config: ModelConfig
    classes: tuple[str, ...]
    storage: str
    trained: bool
    stride: int | None = None
    window_us: int = DEFAULT_WINDOW_US
    temperature: float = 1.0
    trained_on: str = ""
    commit: str | None = None
    seed: int | None = None
    sequences: int | None = None
    subjects: int | None = None
    epoch: int | None = None
    scores: dict[str, Score] = field(default_factory=dict)
    measured_on: str = ""
    test_subjects: int | None = None

    @property
    def accuracy(self) -> str:
        """The measured accuracy with its interval, and of what; or that there is none."""
        if "WAR" not in self.scores:
            return "accuracy not measured"
        people = "" if self.test_subjects is None else f" of {self.test_subjects} test subjects"
        return f"accuracy on {self.measured_on}: WAR {self.scores['WAR']}{people}"

    @property
    def sentence(self) -> str:
        """All in one sentence."""
        if not self.trained:
            return f"{self.name} holds no record of a training, so its answers may mean nothing; {self.accuracy}."
        return f"{self.name}: trained on {self.trained_on}; {self.accuracy}."

    def rows(self) -> list[tuple[str, str]]:
        """Return everything as ``(what, words)``."""
        values = self.config.to_dict()
        kinds = Counter(values.pop("experts"))
        mean, std, event, *norms = (values.pop(key) for key in _NORMALISATION)
        shape = " · ".join(f"{key} {value}" for key, value in values.items())
        experts = ", ".join(f"{n} {kind}" for kind, n in kinds.items()) or "none (an MLP)"
        rows = [
            ("file", f"{self.name}, stored as {self.storage}"),
            ("trained on", self.trained_on if self.trained else "no training is on record"),
        ]
        if self.trained:
            counts = ((self.sequences, "sequences"), (self.subjects, "subjects"))
            known = " of ".join(f"{n:,} {what}" for n, what in counts if n is not None)
            rows += [
                ("its data set", f"{known}, those held out among them" if known else "size not on record"),
                ("training commit", self.commit or "not on record"),
                ("data seed", "not on record" if self.seed is None else str(self.seed)),
                ("epoch kept", str(self.epoch)),
            ]
        if self.stride is not None:
            rows.append(("frame pair", f"{self.stride} frames apart at 30 Hz, {self.stride / 30:.2f} s"))
        if self.trained:
            rows.append(("event window", f"{self.window_us / 1000:g} ms before each frame's end"))
        rows += [
            ("classes", ", ".join(self.classes)),
            (
                "normalisation",
                f"RGB {_frame(norms[0])}mean {_numbers(mean)}, deviation {_numbers(std)}; "
                f"events {_frame(norms[1])}/ {event:g}",
            ),
            ("config", shape),
            ("experts", experts),
        ]
        if "WAR" not in self.scores:
            return [*rows, ("accuracy", "not measured")]
        people = "" if self.test_subjects is None else f", {self.test_subjects} test subjects"
        rows.append(("measured on", f"{self.measured_on}{people}"))
        return rows + [(title, str(self.scores[key])) for key, title in _SCORES.items() if key in self.scores]


def read_facts(path: Path, metadata: dict[str, Any], config: ModelConfig) -> Facts:
    """Understand what :func:`mcoe.model.weights.save_weights` wrote into ``path`` beside the tensors."""
    training, validation = _object(metadata.get("training")), _object(metadata.get("validation"))
    data, scores = _object(metadata.get("data")), _object(metadata.get("scores"))
    measured, commit = _object(scores.get("measured_on")), metadata.get("commit")
    epoch, subjects = _whole(validation.get("epoch")), _whole(data.get("subjects"))
    where = {k: measured.get(k) for k in measured if k not in ("subset", "subjects")}
    return Facts(
        name=path.name,
        config=config,
        classes=tuple(map(str, metadata.get("classes", ()))),
        storage=str(metadata.get("storage", "unknown")),
        trained=bool(training) and epoch is not None,
        stride=_whole(training.get("stride")),
        window_us=_whole(training.get("window_us")) or DEFAULT_WINDOW_US,
        temperature=_positive(metadata.get("temperature")),
        trained_on=_data_name(data, training.get("data")),
        commit=commit if isinstance(commit, str) and commit else None,
        seed=_whole(_object(data.get("synth")).get("seed")),
        sequences=_whole(data.get("sequences")),
        subjects=subjects,
        epoch=None if epoch is None else epoch + 1,
        scores=_scores(_object(scores.get("values")), _object(scores.get("intervals_95"))),
        measured_on=_data_name(where, None),
        test_subjects=_whole(measured.get("subjects")),
    )


def _scores(values: dict[str, Any], bounds: dict[str, Any]) -> dict[str, Score]:
    found = {}
    for name, value in values.items():
        share, span = _share(value), bounds.get(name)
        ends = [_share(end) for end in span] if isinstance(span, list) else []
        if share is not None:
            found[name] = Score(share, *ends) if len(ends) == 2 else Score(share)
    return found


def _data_name(said: dict[str, Any], folder: object) -> str:
    """Call virtual eyes so, whatever their folder is called; another data set by its folder."""
    if "synth" in said or "virtual" in json.dumps(said).lower():
        return VIRTUAL
    return f"the data set {folder}" if isinstance(folder, str) and folder else "an unnamed data set"


def _frame(norm: str) -> str:
    return "each frame by its own, typically " if norm == "frame" else ""


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.3f}" for value in values)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _positive(value: object) -> float:
    """A number above 0, or 1."""
    ok = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0
    return float(value) if ok else 1.0  # type: ignore[arg-type]


def _share(value: object) -> float | None:
    ok = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if ok else None  # type: ignore[arg-type]
