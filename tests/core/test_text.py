"""Text from outside: plain, one line, bounded; and so is every sentence of an error."""

import pytest

from mcoe.core.errors import McoeError
from mcoe.core.text import NAME_LENGTH, SENTENCE_LENGTH, plain_text

HOSTILE = ["a\x1b[2Jb", "a\nb", "a\u202eb", "a\x00b", "\x9b31m", "a\u2028b", "\ud800", "\udcff.raw", "\U000f0000"]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_cannot_be_shown_is_not(text):
    plain = plain_text(text)
    assert plain.isprintable()
    plain.encode()


def test_names_are_kept_and_long_ones_keep_both_ends():
    assert plain_text("Gesicht_ä (2).aedat4") == "Gesicht_ä (2).aedat4"
    long = plain_text("begin" + "x" * 1_000_000 + "end.raw")
    assert len(long) == NAME_LENGTH
    assert long.startswith("begin")
    assert long.endswith("end.raw")


@pytest.mark.parametrize("text", [*HOSTILE, "word " * 100_000])
def test_an_error_is_one_plain_bounded_sentence(text):
    told = str(McoeError(f"The file {text} is damaged."))
    assert len(told) <= SENTENCE_LENGTH
    assert told.isprintable()
    assert told.startswith("The file ")
    assert told.endswith("is damaged.") or len(told) == SENTENCE_LENGTH
