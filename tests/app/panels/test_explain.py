"""The Explain layout's panels: controls reach the pipeline, figures add up, the recording can be scrubbed."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.panels.balance import rgb_lane
from app.panels.emotions import EmotionPanel
from app.panels.experts import ExpertPanel, votes
from app.panels.heatmaps import HeatmapPanel, heat_over
from app.panels.readings import ReadingPanel
from app.panels.shares import SharePanel
from app.panels.whole_recording import BINS, Lane, WholeRecordingPanel, stacked
from app.widgets import theme
from mcoe.core.words import EMOTIONS
from mcoe.recording.sidecar import Segment, Sidecar
from mcoe.results import Question
from tests.app.fake import SOURCE, STEP_US, make_prediction, point
from tests.app.panels.test_panels import count, picture, result_of, shown  # noqa: F401  # a fixture


@pytest.fixture
def explaining(playing):
    """A window in the Explain layout that shows a result, and its pipeline."""
    window, pipeline = playing
    window.show_layout("Explain")
    return window, pipeline


def test_every_heat_map_control_reaches_this_and_the_next_pipeline(explaining, maker, qtbot):
    window, pipeline = explaining
    heat = window.panels["heatmaps"]
    heat.target.setCurrentText("fear")
    heat.versus.setCurrentText("sad")
    heat.layer.setCurrentText("stage 3")
    wanted = Question(target=5, versus=1, layer="stage3", readings=True)
    assert pipeline.question == wanted
    window.stream.open("other.aedat4")
    qtbot.waitUntil(lambda: window.stream.pipeline is maker.made[-1] and len(maker.made) == 2)
    assert maker.made[-1].question == wanted


def test_keys_turn_the_heat_map_controls(explaining, qtbot):
    window, pipeline = explaining
    qtbot.keyClick(window, Qt.Key.Key_C)
    qtbot.keyClick(window, Qt.Key.Key_V)
    qtbot.keyClick(window, Qt.Key.Key_V)
    qtbot.keyClick(window, Qt.Key.Key_G)
    assert (pipeline.question.target, pipeline.question.versus, pipeline.question.layer) == (0, 1, "stage3")
    qtbot.keyClick(window, Qt.Key.Key_C, Qt.KeyboardModifier.ShiftModifier)
    assert pipeline.question.target is None
    before = window.panels["heatmaps"].opacity.value()
    qtbot.keyClick(window, Qt.Key.Key_Minus)
    assert window.panels["heatmaps"].opacity.value() == before - 10
    qtbot.keyClick(window, Qt.Key.Key_Plus)
    assert window.panels["heatmaps"].opacity.value() == before


def test_details_show_only_in_the_explain_layout(explaining):
    window, _ = explaining
    assert window.panels["heatmaps"].details.isVisible()
    assert window.panels["experts"].weighted.isVisible()
    window.show_layout("Demo")
    assert not window.panels["heatmaps"].details.isVisible()
    assert not window.panels["experts"].weighted.isVisible()


def test_a_difference_is_shown_in_two_colours_and_named(shown):  # noqa: F811
    cam = np.zeros((2, 4, 4), np.float32)
    cam[:, 0, 0], cam[:, 3, 3] = 2.0, -2.0
    panel = shown(HeatmapPanel, result_of(cam_rgb=cam, cam_event=cam, cam_class=0, cam_versus=1))
    assert panel.explained == "happy"
    grey = np.full((100, 100), 128, np.uint8)
    image = heat_over(grey, cam[1] / 2, (100, 100), opacity=1.0, signed=True)
    assert np.abs(image[2, 2].astype(int) - theme.rgb(theme.FOR)).max() < 8
    assert np.abs(image[-3, -3].astype(int) - theme.rgb(theme.AGAINST)).max() < 8
    assert np.abs(image[2, -3].astype(int) - 128).max() < 25


def test_opacity_covers_more_or_nothing(shown):  # noqa: F811
    panel = shown(HeatmapPanel, result_of())
    half = picture(panel)
    panel.opacity.setValue(0)
    none = picture(panel)
    assert (none != half).any()
    assert (picture(shown(HeatmapPanel, result_of(cam_rgb=None, cam_event=None))) == none).mean() > 0.99


def test_votes_sum_to_one_or_to_the_routers_weight():
    prediction = make_prediction(30)
    assert votes(prediction, False).sum(1) == pytest.approx(1)
    weighted = votes(prediction, True).sum(1)
    assert weighted[prediction.chosen] == pytest.approx(prediction.weights)
    assert weighted.sum() == pytest.approx(1)


def test_the_vote_map_appears_in_detail_and_can_be_weighted(explaining, qtbot):
    window, _ = explaining
    raw = picture(window.panels["experts"])
    qtbot.mouseClick(window.panels["experts"].weighted, Qt.MouseButton.LeftButton)
    assert (picture(window.panels["experts"]) != raw).any()
    qtbot.keyClick(window, Qt.Key.Key_W)
    assert (picture(window.panels["experts"]) == raw).all()


def test_one_experts_vote_is_the_bright_cell_of_its_column(shown):  # noqa: F811
    logits = np.zeros((8, 7), np.float32)
    logits[2, 6] = 9
    panel = shown(ExpertPanel, result_of(expert_logits=logits))
    panel.set_detailed(True)
    image = picture(panel)
    bright = np.argwhere(np.abs(image[-25:].astype(int) - theme.rgb(theme.KIND_COLOURS["deep"])).max(-1) < 4)
    assert len(bright) > 60
    assert 2 / 8 < (bright[:, 1].mean() - 60) / (image.shape[1] - 60) < 3 / 8


def test_shares_count_activations_and_weights_by_kind(shown):  # noqa: F811
    panel = shown(SharePanel, None)
    kinds = result_of().prediction.expert_kinds
    for chosen, weights in (([0, 1], [0.75, 0.25]), ([0, 2], [0.5, 0.5])):
        panel.show_result(result_of(chosen=np.array(chosen), weights=np.array(weights, np.float32)), ())
    assert kinds[:3] == ("focal", "attention", "deep")
    assert panel.shares() == {"focal": (0.5, 0.625), "attention": (0.25, 0.125), "deep": (0.25, 0.25)}
    assert panel.equal == {"focal": 0.375, "attention": 0.375, "deep": 0.25}
    assert panel.note.text() == "over 2 windows"


def test_counting_begins_anew_by_button_key_and_file(explaining, qtbot, maker):
    window, pipeline = explaining
    for restart in (
        lambda: qtbot.mouseClick(window.panels["shares"].again, Qt.MouseButton.LeftButton),
        lambda: qtbot.keyClick(window, Qt.Key.Key_W, Qt.KeyboardModifier.ShiftModifier),
        lambda: window.stream.open("other.aedat4"),
    ):
        pipeline.advance()
        qtbot.waitUntil(lambda: window.panels["shares"].windows > 0)
        restart()
        assert window.panels["shares"].windows == 0
        assert window.panels["shares"].shares() == {}


def test_readings_say_what_each_modality_alone_would(shown):  # noqa: F811
    eye = np.eye(7, dtype=np.float32)
    panel = shown(ReadingPanel, result_of(probabilities=eye[0], rgb_only=eye[1], event_only=eye[0]))
    assert panel.note.text() == "differ"
    image = picture(panel)
    left, right = image[:, : image.shape[1] // 2], image[:, image.shape[1] // 2 :]
    assert count(left, theme.EMOTION_COLOURS["sad"]) > 100
    assert count(right, theme.EMOTION_COLOURS["sad"]) == 0
    assert count(right, theme.EMOTION_COLOURS["happy"]) > 100
    panel.show_result(result_of(probabilities=eye[2], rgb_only=eye[2], event_only=eye[2]), ())
    assert panel.note.text() == "all agree"
    panel.clear()
    assert panel.note.text() == ""


def test_one_modality_cannot_be_read_apart(shown):  # noqa: F811
    panel = shown(ReadingPanel, result_of(), source=replace(SOURCE, has_events=False))
    assert count(picture(panel), theme.RGB) == 0


def test_the_balance_lane_keeps_20_seconds():
    points = [replace(point(i, np.full(7, 1 / 7)), alpha=i / 900) for i in range(900)]
    ages, shares = rgb_lane(points)
    assert ages[-1] == 0
    assert 19.9 < ages[0] <= 20
    assert shares[-1] == pytest.approx(1 / 900)
    assert len(rgb_lane(())[0]) == 0


LABELS = Sidecar((Segment(SOURCE.start_us, SOURCE.start_us + 10_000_000, "fear"),))


def test_the_truth_is_marked_beside_its_bar_and_only_where_it_is_known(shown):  # noqa: F811
    panel = shown(EmotionPanel, result_of())
    bare = picture(panel)
    panel.set_labels(LABELS)
    assert panel.truth == "fear"
    marked = picture(panel)
    rows = np.flatnonzero((marked != bare).any((1, 2)))
    top = bare.shape[0] * 0.2
    row = (bare.shape[0] - top) / 7
    assert EMOTIONS.index("fear") == int((rows.mean() - top) / row)
    late = result_of()
    panel.show_result(replace(late, window=replace(late.window, t1_us=SOURCE.start_us + 10_000_000)), ())
    assert panel.truth == ""


def test_labels_beside_a_recording_reach_the_panels(window, maker, tmp_path, qtbot):
    path = tmp_path / "labelled.aedat4"
    path.with_suffix(".json").write_text(json.dumps({"label": "sad"}))
    window.stream.open(str(path))
    maker.made[-1].advance()
    qtbot.waitUntil(lambda: window.panels["emotions"].truth == "sad")
    window.stream.open(str(tmp_path / "bare.aedat4"))
    qtbot.waitUntil(lambda: len(maker.made) == 2)
    assert window.panels["emotions"].truth == ""
    assert not window.panels["whole_recording"].labels.segments


def points_at(times_us, probabilities, epoch=0, first=0):
    return [
        replace(point(first + i, p, epoch, t), events_per_s=1e5 * (1 + i))
        for i, (t, p) in enumerate(zip(times_us, probabilities, strict=True))
    ]


def test_history_fills_the_bins_between_two_points_but_no_hole():
    eye = np.eye(7)
    data = Lane(0, BINS * 10_000)
    data.add(points_at([5_000, 35_000, 8_000_000], eye[:3]))
    said = data.probabilities.argmax(1)
    assert said[:4].tolist() == [0, 1, 1, 1]
    assert np.isnan(data.probabilities[4:800, 0]).all()
    assert said[800] == 2
    assert np.isnan(data.probabilities[801:, 0]).all()


def test_playing_a_stretch_again_replaces_it():
    eye = np.eye(7)
    data = Lane(0, BINS * 10_000)
    first = points_at([5_000, 15_000], eye[:2])
    data.add(first)
    data.add([*first, *points_at([6_000], eye[4:5], epoch=1, first=2)])
    assert data.probabilities.argmax(1)[:2].tolist() == [4, 1]


def test_a_live_axis_doubles_when_it_is_full():
    data = Lane(grows=True)
    span = data.span_us
    times = np.arange(7_000_000, 7_000_000 + 2 * span, 500_000)
    data.add(points_at(times, np.eye(7)[np.arange(len(times)) * 7 // len(times)]))
    assert data.start_us == 7_000_000
    assert data.span_us == 2 * span
    seen = ~np.isnan(data.probabilities[:, 0])
    assert seen[: int(BINS * 0.99)].all()
    assert (np.diff(data.probabilities[seen].argmax(1)) >= 0).all()


def test_stacked_probabilities_have_their_heights_and_the_leader_is_bright():
    values = np.array([[0.5, 0.25, 0.25, 0, 0, 0, 0], [np.nan] * 7], np.float32)
    image = stacked(values, rows=100)
    assert (image[:50, 0] == theme.rgb(theme.EMOTION_COLOURS["happy"])).all()
    assert (image[50:75, 0] == image[50, 0]).all()
    assert (image[50, 0] != theme.rgb(theme.EMOTION_COLOURS["sad"])).all()
    assert (image[:, 1] == theme.rgb(theme.CANVAS)).all()


def test_a_click_into_the_history_goes_there(explaining, qtbot):
    window, pipeline = explaining
    panel = window.panels["whole_recording"]
    panel.grab()
    at = QPoint(int(panel.plot.left() + panel.plot.width() * 0.5), panel.canvas.height() // 3)
    QTest.mousePress(panel.canvas, Qt.MouseButton.LeftButton, pos=at)
    QTest.mouseRelease(panel.canvas, Qt.MouseButton.LeftButton, pos=at)
    qtbot.waitUntil(lambda: pipeline.calls[-1][0] == "seek")
    assert abs(pipeline.calls[-1][1] - (SOURCE.start_us + SOURCE.duration_us / 2)) < 100_000


def test_pointing_says_in_words_what_was_said_there(explaining, qtbot):
    window, pipeline = explaining
    panel = window.panels["whole_recording"]
    pipeline.advance(60)
    qtbot.waitUntil(lambda: panel.result is pipeline.latest())
    panel.set_labels(LABELS)
    panel.grab()
    values = panel.data.probabilities[panel.data.bin(SOURCE.start_us + 30 * STEP_US)]
    x = panel.plot.left() + panel.plot.width() * 30.5 * STEP_US / SOURCE.duration_us
    there = QPointF(x, 10)
    none = Qt.MouseButton.NoButton
    move = QMouseEvent(QEvent.Type.MouseMove, there, there, none, none, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(panel.canvas, move)
    assert panel.note.text().startswith("0:01.0")
    assert EMOTIONS[int(values.argmax())] in panel.note.text()
    assert panel.note.text().endswith("true: fear")
    assert not any(call[0] == "seek" for call in pipeline.calls)


def test_a_live_history_cannot_be_sought(shown, qtbot):  # noqa: F811
    panel = shown(WholeRecordingPanel, result_of(), source=replace(SOURCE, live=True, duration_us=None))
    picture(panel)
    with qtbot.assertNotEmitted(panel.sought):
        QTest.mouseClick(panel.canvas, Qt.MouseButton.LeftButton, pos=QPoint(200, 20))
