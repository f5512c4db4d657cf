"""Evaluation through its command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mcoe.commands import evaluate
from mcoe.core.errors import McoeError
from mcoe.evaluation.report import read_predictions, report


def write_run(path: Path, answers: dict[str, str]) -> None:
    results = {n: [{"label": a, "score": 0.8}, {"label": "neutraL", "score": 0.2}] for n, a in answers.items()}
    path.write_text(json.dumps({"results": results}))


def test_a_trained_network_through_the_command(data: Path, trained: Path, tmp_path: Path, capsys) -> None:
    words = ["--weights", str(trained / "best.safetensors"), "--data", str(data)]
    out = [
        "--json",
        str(tmp_path / "s.json"),
        "--figure",
        str(tmp_path / "s.png"),
        "--save-predictions",
        str(tmp_path / "p"),
    ]
    assert evaluate.main([*words, *out, "--mask", "none", "rgb", "event"]) == 0
    rows = json.loads((tmp_path / "s.json").read_text())["rows"]
    assert [r["title"] for r in rows] == ["mcoe", "mcoe without rgb", "mcoe without event"]
    assert rows[0]["subjects"] == 1
    assert rows[0]["sequences"] == 6
    assert np.sum(rows[0]["confusion"]) == 6
    assert rows[0]["scores"]["hdr"] is None
    assert "| mcoe " in capsys.readouterr().out
    assert (tmp_path / "s.png").read_bytes()[:4] == b"\x89PNG"
    # The saved answers, read back as another network's, score the same.
    saved = next((tmp_path / "p").glob("mcoe_0.json"))
    assert evaluate.main(["--predictions", str(saved), "--json", str(tmp_path / "again.json")]) == 0
    again = json.loads((tmp_path / "again.json").read_text())["rows"][0]
    assert again["scores"] == pytest.approx(rows[0]["scores"], nan_ok=True)


def test_prediction_folders_are_averaged_over_their_runs(tmp_path: Path) -> None:
    names = [
        f"seq_{i}_F_30_2_{light}_{e}_54_1" for i in (1, 2) for light in ("normal", "Low") for e in ("fear", "angry")
    ]
    truth = {n: n.split("_")[6] for n in names}
    write_run(tmp_path / "a.json", truth)
    write_run(tmp_path / "b.json", {n: "fear" for n in names})
    runs = read_predictions(tmp_path)
    row = report("other", runs)
    assert len(runs) == 2
    assert row.values["WAR"] == pytest.approx(0.75)
    assert row.values["fear"] == pytest.approx(1.0)
    assert row.values["angry"] == pytest.approx(0.5)
    assert set(runs[0].subjects) == {"1", "2"}
    # Scores that are no probabilities are not calibrated.
    results = {names[0]: [{"label": "fear", "score": 3.5}]}
    (tmp_path / "c.json").write_text(json.dumps({"results": results}))
    assert np.isnan(report("odd", read_predictions(tmp_path / "c.json")).values["ECE"])


@pytest.mark.parametrize(
    ("text", "match"),
    [("{}", "no prediction file"), ("[", "no prediction file"), ('{"results": {}}', "predicts nothing"),
     ('{"results": {"seq_1_F_3_2_normal_fear_9_1": [{"label": "bored", "score": 1}]}}', "'bored'"),
     ("[" * 100_000, "too deep"),
     ('{"results": {"seq_1_normal_fear": [{"label": "fear", "score": 1e999}]}}', "too large"),
     ('{"results": {"seq_1_normal_fear": [{"label": "fear", "score": "nan"}]}}', "no number"),
     ('{"results": {"seq_1_normal_fear": [{"label": "fear", "score": 1' + "0" * 400 + "}]}}", "too large"),
     ('{"results": [["secret"]]}', "not as described"), ('{"results": {"a": [7]}}', "not as described"),
     ('{"results": {"clip7": [{"label": "fear", "score": 1}]}}', "'clip7'")],
)  # fmt: skip
def test_bad_prediction_files_are_named(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(McoeError, match=match):
        read_predictions(tmp_path)


def test_a_folder_without_predictions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(McoeError, match="holds no prediction file"):
        read_predictions(tmp_path)
