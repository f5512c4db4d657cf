"""JSON from outside: under limits, in whatever encoding it honestly is, or one error in a few plain words."""

import json

import pytest

from mcoe.core.json_files import MOST_DEPTH, UnreadableJson, parse_json, read_json

PLAIN = {"a": [1, -2.5, True, None], "ü": "é–"}
TEXT = json.dumps(PLAIN, ensure_ascii=False)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
def test_every_encoding_of_json_is_read(tmp_path, encoding):
    (tmp_path / "a.json").write_bytes(TEXT.encode(encoding))
    assert read_json(tmp_path / "a.json") == PLAIN


HOSTILE = {
    "nested lists": (b"[" * 100_000, "deep"),
    "nested and closed": (b"[" * 5_000 + b"]" * 5_000, "deep"),
    "nested objects": (b'{"a":' * 100_000, "deep"),
    "a little too deep": (b"[" * (MOST_DEPTH + 1) + b"]" * (MOST_DEPTH + 1), "deep"),
    "1e999": (b'{"time_us": 1e999}', "too large"),
    "-1e999": (b"[-1e999]", "too large"),
    "10**400": (b"1" + b"0" * 400, "too large"),
    "10**5000": (b"1" + b"0" * 5_000, "too large"),
    "2**63": (str(2**63).encode(), "too large"),
    "NaN": (b"[NaN]", "is none"),
    "Infinity": (b"[-Infinity]", "is none"),
    "Latin-1": ('{"a": "é"}'.encode("latin-1"), "not UTF-8, perhaps Latin-1"),
    "half a UTF-16": (b"\xff\xfe[\x00]", "not UTF-16"),
    "empty": (b"", "no JSON"),
    "binary": (bytes(range(256)), "not UTF"),
    "cut": (TEXT.encode()[:8], "no JSON from line 1 on"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_cannot_be_is_one_error_in_plain_words(tmp_path, kind):
    data, said = HOSTILE[kind]
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(UnreadableJson, match=said) as caught:
        read_json(tmp_path / "a.json")
    assert len(str(caught.value)) < 100
    assert "Error" not in str(caught.value)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(1 << 40)  # a hole of a TiB
    with pytest.raises(UnreadableJson, match="more than 16,384 KiB"):
        read_json(tmp_path / "a.json")


def test_the_largest_that_is_good():
    assert parse_json(str(2**63 - 1)) == 2**63 - 1
    assert parse_json("[" * MOST_DEPTH + "]" * MOST_DEPTH)
    assert parse_json("[NaN]", finite=False)[0] != 0
