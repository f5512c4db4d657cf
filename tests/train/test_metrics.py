"""Scores against counts made by hand, and intervals that know their subjects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mcoe.data.layout import LIGHTINGS
from mcoe.metrics import (
    COLUMNS,
    Predictions,
    by_grey,
    calibration_error,
    clean,
    differences,
    intervals,
    lighting_gap,
    risk_coverage,
    scores,
    table,
)


def said(labels, answers, *, subjects=None, lightings=None, confidence=1.0) -> Predictions:
    n = len(labels)
    values = np.full((n, 7), (1 - confidence) / 6)
    values[np.arange(n), answers] = confidence
    return Predictions(
        names=tuple(f"s{i}" for i in range(n)),
        subjects=tuple(subjects or (str(i) for i in range(n))),
        labels=np.array(labels),
        lightings=np.array(lightings if lightings is not None else [0] * n),
        scores=values,
    )


def test_scores_by_hand() -> None:
    # Class 0: 3 of 4 right; class 1: 0 of 1. WAR 3/5, UAR (3/4 + 0) / 2.
    values = scores(said([0, 0, 0, 0, 1], [0, 0, 0, 2, 0], lightings=[0, 0, 1, 1, 3]))
    assert values["WAR"] == pytest.approx(0.6)
    assert values["UAR"] == pytest.approx(0.375)
    assert (values["normal"], values["overexposed"], values["hdr"]) == (1.0, 0.5, 0.0)
    assert np.isnan(values["low"])
    assert (values["happy"], values["sad"]) == (0.75, 0.0)
    assert np.isnan(values["fear"])
    assert lighting_gap(values) == 1.0


def test_confusion_has_true_classes_in_rows() -> None:
    matrix = said([0, 0, 3], [0, 3, 3]).confusion()
    assert (matrix[0, 0], matrix[0, 3], matrix[3, 3], matrix.sum()) == (1, 1, 1, 3)


def test_calibration_error_by_hand() -> None:
    # Half right at 90 % confidence: off by 0.4. All right at 90 %: off by 0.1.
    assert calibration_error(said([0, 1], [0, 0], confidence=0.9)) == pytest.approx(0.4)
    assert calibration_error(said([0, 1], [0, 1], confidence=0.9)) == pytest.approx(0.1)


def test_intervals_resample_subjects_not_sequences() -> None:
    # One subject all right, one all wrong, fifty sequences each: a resample is 0, 1/2 or 1, however many sequences.
    labels = [0] * 100
    answers = [0] * 50 + [1] * 50
    two = intervals([said(labels, answers, subjects=["a"] * 50 + ["b"] * 50)])
    assert two["WAR"] == (0.0, 1.0)
    many = intervals([said(labels, answers)])
    assert many["WAR"][0] == pytest.approx(0.4, abs=0.03)
    assert many["WAR"][1] == pytest.approx(0.6, abs=0.03)
    assert np.isnan(intervals([said([0], [0])])["WAR"]).all()


def test_the_surest_answers_come_first() -> None:
    values = said([0, 0, 0, 0], [0, 0, 1, 1])
    sure = np.array([0.9, 0.8, 0.7, 0.95])[:, None]
    values = replace(values, scores=np.where(values.scores == 1, sure, (1 - sure) / 6))
    assert risk_coverage(values, (1.0, 0.75, 0.5, 0.25)) == pytest.approx(
        {"1": 0.5, "0.75": 2 / 3, "0.5": 0.5, "0.25": 0.0}
    )


def test_light_is_a_continuum() -> None:
    values = said([0, 0, 0, 0, 0], [0, 1, 0, 0, 1], subjects=["a", "a", "b", "b", "b"])
    lit = replace(values, grey=np.array([0.5, 2.0, 2.5, 240.0, 255.0]))
    assert by_grey(lit, (0, 1, 3, 200, 256)) == [
        {"from": 0, "to": 1, "answers": 1, "subjects": 1, "accuracy": 1.0},
        {"from": 1, "to": 3, "answers": 2, "subjects": 2, "accuracy": 0.5},
        {"from": 200, "to": 256, "answers": 2, "subjects": 1, "accuracy": 0.5},
    ]
    with pytest.raises(ValueError, match="per window"):
        by_grey(values)


def test_people_of_one_skin_are_no_independent_sample() -> None:
    # Two skins of twenty people each: whoever wears the first is always right, whoever wears the second never.
    subjects = [str(i) for i in range(40)]
    plain = said([0] * 40, [0] * 20 + [1] * 20, subjects=subjects)
    known = replace(plain, skins=("a",) * 20 + ("b",) * 20)
    assert intervals([plain])["WAR"] == pytest.approx((0.35, 0.65), abs=0.05)
    assert intervals([known])["WAR"] == (0.0, 1.0)
    # One skin for all says no more than none.
    assert intervals([replace(plain, skins=("a",) * 40)])["WAR"] == intervals([plain])["WAR"]
    better = replace(known, scores=said([0] * 40, [0] * 30 + [1] * 10, subjects=subjects).scores)
    value, low, high = differences([better], [known])["WAR"]
    assert (value, low) == (0.25, 0.0)
    assert 0.3 < high < 0.8


def test_a_paired_difference_is_sure_where_single_intervals_overlap() -> None:
    # Twenty people of very different difficulty; the second network gets one more right of everyone's ten.
    subjects = [str(i) for i in range(20) for _ in range(10)]
    ease = [i % 9 for i in range(20)]
    one = said([0] * 200, [0 if k < ease[i] else 1 for i in range(20) for k in range(10)], subjects=subjects)
    two = said([0] * 200, [0 if k < ease[i] + 1 else 1 for i in range(20) for k in range(10)], subjects=subjects)
    assert intervals([one])["WAR"][1] > intervals([two])["WAR"][0]
    assert differences([two], [one])["WAR"] == pytest.approx((0.1, 0.1, 0.1))
    assert differences([one, two], [one])["WAR"] == pytest.approx((0.05, 0.05, 0.05))
    assert differences([one], [one])["WAR"] == (0.0, 0.0, 0.0)
    value, *bounds = differences([said([0], [0])], [said([0], [1])])["WAR"]
    assert value == 1.0
    assert np.isnan(bounds).all()
    with pytest.raises(ValueError, match="same subjects"):
        differences([one], [said([0], [0])])


def test_repeated_runs_are_averaged_before_resampling() -> None:
    right, wrong = said([0] * 20, [0] * 20), said([0] * 20, [1] * 20)
    assert intervals([right, wrong])["WAR"] == (0.5, 0.5)


def test_the_table_has_the_papers_columns() -> None:
    run = said([0, 1, 2], [0, 1, 1], lightings=[0, 1, 2])
    text = table([("ours", scores(run), intervals([run]))])
    head, _, row, bounds = text.splitlines()
    assert [c.strip().lower() for c in head.split("|")[2:-2]] == [c.lower() for c in COLUMNS]
    assert row.split("|")[2].strip() == "66.7"
    assert row.split("|")[3 + LIGHTINGS.index("hdr") + 1].strip() == "–"
    assert bounds.split("|")[2].strip() == "0–100"


def test_json_gets_no_nan() -> None:
    assert clean({"a": (float("nan"), 1.0), "b": [{"c": float("nan")}]}) == {"a": [None, 1.0], "b": [{"c": None}]}
