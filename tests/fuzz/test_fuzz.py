"""A few hundred damaged files through the real readers; ``python -m mcoe fuzz --cases 10000`` runs more."""

import random

import pytest

from mcoe.bench import fuzz
from mcoe.core.errors import McoeError

CASES = 210


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_whatever_a_file_holds_the_readers_keep_their_promises():
    assert fuzz.run(CASES, seed=20261128) == []


def test_a_case_is_the_same_by_its_seed():
    data = bytes(range(256)) * 40
    made = {fuzz.damage(data, random.Random(seed)) for seed in (1, 1, 2, 3)}
    assert len(made) == 3


@pytest.mark.parametrize(
    ("raised", "fault"),
    [
        (ValueError("inside"), "wrong exception"),
        (McoeError("a KeyError: in words."), "bad sentence"),
        (McoeError("no end"), "bad sentence"),
        (McoeError("The file is damaged."), None),
    ],
)
def test_what_is_looked_for_is_found(monkeypatch, raised, fault):
    def fail(path):
        raise raised

    monkeypatch.setattr(fuzz, "KINDS", {"sidecar": fuzz.KINDS["sidecar"]})
    monkeypatch.setitem(fuzz.READERS, "sidecar", fail)
    assert [finding.fault for finding in fuzz.run(1)] == ([] if fault is None else [fault])


def test_a_broken_promise_is_found(monkeypatch):
    monkeypatch.setattr(fuzz, "KINDS", {"image jpg": fuzz.KINDS["image jpg"]})
    monkeypatch.setitem(fuzz.READERS, "image", lambda path: "an event off the sensor")
    assert [finding.fault for finding in fuzz.run(2)] == ["broken promise"] * 2
