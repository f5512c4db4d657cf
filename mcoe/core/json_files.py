"""JSON from outside, read under limits: its size, its depth, its numbers and its encoding."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NoReturn

#: Bytes that a file of notes, labels or predictions may have.
MOST_BYTES = 16 << 20
#: Brackets in brackets; what the program reads has six.
MOST_DEPTH = 32
#: Digits of a whole number: 64 bits.
_MOST_DIGITS = 19


class UnreadableJson(ValueError):
    """Why a text is not JSON that can be read, in a few words without the library's or any of the text."""


def read_json(path: Path, most_bytes: int = MOST_BYTES) -> Any:
    """Read a JSON file: UTF-8, UTF-16 or UTF-32, with a byte-order mark or without.

    Returns:
        Plain values, nested at most :data:`MOST_DEPTH` deep; every number is finite and fits 64 bits.

    Raises:
        UnreadableJson: it is larger, deeper, in another encoding, or no JSON.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise UnreadableJson(f"it has more than {most_bytes >> 10:,} KiB")
    return parse_json(data)


def parse_json(data: bytes | str, *, finite: bool = True) -> Any:
    """Return the values of a JSON text, as :func:`read_json` does.

    Args:
        data: the text, or its bytes.
        finite: refuse NaN and infinities, which JSON does not have but Python writes.

    Raises:
        UnreadableJson: it is deeper than allowed, in another encoding, or no JSON.
    """
    text = data if isinstance(data, str) else _text(data)
    try:
        values = json.loads(
            text.removeprefix("\ufeff"),
            parse_int=_whole,
            parse_float=_real if finite else float,
            parse_constant=_refused if finite else float,
        )
    except json.JSONDecodeError as error:
        raise UnreadableJson(f"it is no JSON from line {error.lineno} on") from None
    except RecursionError:
        raise UnreadableJson("its brackets are nested too deep") from None
    _check_depth(values)
    return values


def _text(data: bytes) -> str:
    # What begins with a mark or with zeros between the letters is of 16 or 32 bits; the rest should be UTF-8.
    encoding = json.detect_encoding(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        name = encoding.upper().removesuffix("-SIG")
        hint = ", perhaps Latin-1; save it as UTF-8" if name == "UTF-8" else ""
        raise UnreadableJson(f"its text is not {name}{hint}") from None


def _whole(digits: str) -> int:
    if len(digits.lstrip("-")) > _MOST_DIGITS or abs(value := int(digits)) >= 1 << 63:
        raise UnreadableJson("it holds a number that is too large")
    return value


def _real(digits: str) -> float:
    if not math.isfinite(value := float(digits)):
        raise UnreadableJson("it holds a number that is too large")
    return value


def _refused(_word: str) -> NoReturn:
    raise UnreadableJson("it holds a number that is none")


def _check_depth(values: Any) -> None:
    level = [values]
    for _ in range(MOST_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise UnreadableJson("its brackets are nested too deep")
