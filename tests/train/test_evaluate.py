"""Evaluation, export and ablation through their commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import SHORT, TINY

from mcoe import ablate, evaluate, export
from mcoe.errors import McoeError
from mcoe.evaluate import read_predictions
from mcoe.model.weights import read_metadata


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
    printed = capsys.readouterr().out
    assert "| mcoe " in printed
    assert "mcoe without rgb minus mcoe: WAR " in printed
    apart = json.loads((tmp_path / "s.json").read_text())["minus_first"]["mcoe without rgb"]["WAR"]
    assert apart[0] == pytest.approx(rows[1]["scores"]["WAR"] - rows[0]["scores"]["WAR"])
    assert (tmp_path / "s.png").read_bytes()[:4] == b"\x89PNG"
    # The saved answers, read back as another network's, score the same.
    saved = next((tmp_path / "p").glob("mcoe_0.json"))
    assert evaluate.main(["--predictions", str(saved), "--json", str(tmp_path / "again.json")]) == 0
    again = json.loads((tmp_path / "again.json").read_text())["rows"][0]
    assert again["scores"] == pytest.approx(rows[0]["scores"], nan_ok=True)


def test_windows_are_judged_one_by_one_and_at_another_framing(
    data: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--weights", str(trained / "best.safetensors"), "--data", str(data), "--json", str(tmp_path / "s.json")]
    framing = ["--zoom", "1.25", "--pack", str(tmp_path / "pack"), "--window-us", "100000", "--clips", "5"]
    assert evaluate.main([*words, *framing, "--per", "window"]) == 0
    row = json.loads((tmp_path / "s.json").read_text())["rows"][0]
    assert row["sequences"] == 6 * 5
    assert np.sum(row["confusion"]) == 30
    assert row["subjects"] == 1
    assert sum(step["answers"] for step in row["by_grey"]) == 30
    assert {step["to"] for step in row["by_grey"]} <= {40, 90, 150}  # low light and normal
    assert row["risk_coverage"]["1"] == pytest.approx(row["scores"]["WAR"])
    assert "right by mean grey level, %: 10–40: " in capsys.readouterr().out
    assert json.loads((tmp_path / "pack" / "index.json").read_text())["zoom"] == 1.25
    with pytest.raises(SystemExit):
        evaluate.main([*words, "--per", "window", "--save-predictions", str(tmp_path / "p")])


def test_the_authors_protocol_draws_one_clip_a_sequence(data: Path, trained: Path, tmp_path: Path) -> None:
    words = ["--weights", str(trained / "best.safetensors"), "--data", str(data), "--per", "draw"]
    for name in ("a", "b"):
        assert evaluate.main([*words, "--json", str(tmp_path / name), "--save-predictions", str(tmp_path / "p")]) == 0
    row = json.loads((tmp_path / "a").read_text())["rows"][0]
    assert (row["runs"], row["sequences"]) == (20, 6)
    assert np.sum(row["confusion"]) == 120
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text()
    said = [json.loads(p.read_text())["results"] for p in (tmp_path / "p").glob("mcoe_*.json")]
    assert len(said) == 20
    assert len({json.dumps(run) for run in said}) > 1


def test_weights_say_how_they_are_read(trained: Path) -> None:
    metadata = read_metadata(trained / "best.safetensors")
    how = evaluate.trained_with(metadata)
    assert how == {"stride": 3, "window_us": 400_000, "temperature": metadata["temperature"]}
    assert evaluate.trained_with({}) == {"stride": 12, "window_us": 33_000, "temperature": 1.0}


def test_prediction_folders_are_averaged_over_their_runs(tmp_path: Path) -> None:
    names = [
        f"seq_{i}_F_30_2_{light}_{e}_54_1" for i in (1, 2) for light in ("normal", "Low") for e in ("fear", "angry")
    ]
    truth = {n: n.split("_")[6] for n in names}
    write_run(tmp_path / "a.json", truth)
    write_run(tmp_path / "b.json", {n: "fear" for n in names})
    runs = read_predictions(tmp_path)
    row = evaluate.report("other", runs)
    assert len(runs) == 2
    assert row.values["WAR"] == pytest.approx(0.75)
    assert row.values["fear"] == pytest.approx(1.0)
    assert row.values["angry"] == pytest.approx(0.5)
    assert set(runs[0].subjects) == {"1", "2"}
    # Scores that are no probabilities are not calibrated.
    results = {names[0]: [{"label": "fear", "score": 3.5}]}
    (tmp_path / "c.json").write_text(json.dumps({"results": results}))
    assert np.isnan(evaluate.report("odd", read_predictions(tmp_path / "c.json")).values["ECE"])


@pytest.mark.parametrize(
    ("text", "match"),
    [("{}", "no prediction file"), ("[", "no prediction file"), ('{"results": {}}', "predicts nothing"),
     ('{"results": {"seq_1_F_3_2_normal_fear_9_1": [{"label": "bored", "score": 1}]}}', "'bored'"),
     ('{"results": {"clip7": [{"label": "fear", "score": 1}]}}', "'clip7'")],
)  # fmt: skip
def test_bad_prediction_files_are_named(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(McoeError, match=match):
        read_predictions(tmp_path)


def test_a_folder_without_predictions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(McoeError, match="holds no prediction file"):
        read_predictions(tmp_path)


def test_export_measures_what_int8_costs(data: Path, trained: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "small.safetensors"
    words = ["--weights", str(trained / "best.safetensors"), "--out", str(out), "--data", str(data)]
    assert export.main(words) == 0
    metadata = read_metadata(out)
    assert metadata["storage"] == "int8"
    assert metadata["training"]["epochs"] == 10
    assert 0 <= metadata["scores"]["values"]["WAR"] <= 1
    assert metadata["scores"]["measured_on"] == {"subset": "testing", "subjects": 1, "origin": "test"}
    assert "WAR lost" in capsys.readouterr().out
    with pytest.raises(McoeError, match="would replace"):
        export.main([*words[:2], "--out", words[1]])


def test_masking_the_only_stream_is_refused(data: Path, tmp_path: Path) -> None:
    common = ["--data", str(data), "--runs", str(tmp_path), "--epochs", "1", *SHORT, "--config", *TINY]
    assert ablate.main(["2.A", *common]) == 0
    rows = json.loads((tmp_path / "table.json").read_text())
    assert [r["title"] for r in rows] == ["2.A RGB only"]
    assert rows[0]["sequences"] == 6
    with pytest.raises(McoeError, match="reads nothing but the rgb stream"):
        words = ["--weights", str(tmp_path / "2.A" / "best.safetensors"), "--data", str(data), "--mask", "rgb"]
        evaluate.main(words)


def test_ablation_rows_and_tables_expand() -> None:
    assert ablate.expand(["6", "2.A", "6.B"]) == ["6.A", "6.B", "6.C", "6.D", "2.A"]
    with pytest.raises(McoeError, match=r"no ablation '3'"):
        ablate.expand(["3"])
