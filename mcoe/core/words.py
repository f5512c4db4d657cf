"""The names that files, plots and tables share: emotions, lightings, modalities, and how data sets spell them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

#: Class order of every output, file and plot.
EMOTIONS = ("happy", "sad", "angry", "disgust", "surprise", "fear", "neutral")
#: Column order of every table and plot; the paper's.
LIGHTINGS = ("normal", "overexposed", "low", "hdr")

Modality = Literal["rgb", "event"]

_EMOTION_STARTS = (
    *(("hap", 0), ("joy", 0), ("sad", 1), ("ang", 2), ("disg", 3), ("surp", 4)),
    *(("fear", 5), ("afraid", 5), ("neutral", 6)),
)
_LIGHTING_STARTS = (("norm", 0), ("over", 1), ("low", 2), ("dark", 2), ("hdr", 3), ("highdynamic", 3))


def emotion_of(word: str) -> int | None:
    """Return the class index in EMOTIONS that ``word`` spells (any case, noun or adjective), or None."""
    return _starts(word, _EMOTION_STARTS)


def lighting_of(word: str) -> int | None:
    """Return the index in LIGHTINGS that ``word`` spells (``Overexposure``, ``low-light``, ``HDR`` …), or None."""
    return _starts(word, _LIGHTING_STARTS)


def _starts(word: str, table: tuple[tuple[str, int], ...]) -> int | None:
    plain = re.sub(r"[^a-z]", "", word.lower())
    return next((index for start, index in table if plain.startswith(start)), None)


@dataclass(frozen=True, slots=True)
class SequenceName:
    """What ``seq_ID_sex_age_degree_lighting_emotion_length_take`` says; None where it doesn't."""

    subject: str
    lighting: int | None
    label: int | None


def parse_name(name: str) -> SequenceName:
    """Read subject, lighting and emotion from a sequence's name; the parts may stand in any order after the ID.

    The ID is the person's. Where two numbers stand first, they are the sequence's and the person's.
    """
    parts = [part for part in re.split(r"[_\s]+", name.strip()) if part]
    if parts and parts[0].lower() == "seq":
        parts = parts[1:]
    # Published result files number the sequence before the person: the person is the second of two numbers.
    numbered = len(parts) > 2 and parts[0].isdecimal() and parts[1].isdecimal()
    subject = parts[numbered] if parts else name
    lighting = next((i for i in map(lighting_of, parts[1:]) if i is not None), None)
    label = next((i for i in map(emotion_of, parts[1:]) if i is not None), None)
    return SequenceName(subject, lighting, label)
