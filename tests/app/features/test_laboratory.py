"""The lighting laboratory: dials and presets change the light, and the verdict compares both streams."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.features.laboratory import Laboratory
from app.features.requery import Requery
from app.panels.lighting import LightingPanel
from app.widgets import theme
from mcoe.results import Stressed
from mcoe.sensor.lighting import PRESETS, Lighting
from tests.app.fake import FakePipeline, engine, feature, point
from tests.app.panels.test_panels import count, picture


@pytest.fixture
def panel(qtbot):
    panel = LightingPanel()
    qtbot.addWidget(panel)
    panel.setStyleSheet(theme.style_sheet(12))
    panel.resize(845, 520)
    panel.set_context(FakePipeline().info, engine(trained=True))
    panel.show()
    return panel


def show(panel, original, stressed, times=(0.0,)):
    """Show a moment whose two streams say these emotions (indices), after history points at ``times``."""
    fake = FakePipeline()
    fake.advance(3)
    said = [replace(fake.latest().prediction, probabilities=one_hot(i)) for i in (original, stressed)]
    under = replace(fake.latest().window, light=panel.light)
    moment = replace(fake.latest(), prediction=said[0], stressed=Stressed(under, said[1]))
    points = [
        replace(point(0, one_hot(original)), elapsed_s=t, stressed=one_hot(original if ok else original + 3))
        for t, ok in times
    ]
    panel.show_result(moment, points)
    panel.grab()


def one_hot(index, share=0.7):
    out = np.full(7, (1 - share) / 6, np.float32)
    out[index] = share
    return out


def test_a_preset_sets_every_dial_and_is_shown_as_chosen(panel, qtbot):
    with qtbot.waitSignal(panel.light_changed) as told:
        qtbot.mouseClick(panel.presets["Flickering lamp"], Qt.MouseButton.LeftButton)
    assert told.args == [PRESETS["Flickering lamp"]]
    assert panel.presets["Flickering lamp"].isChecked()
    assert not panel.presets["Original"].isChecked()
    assert (panel.dials["ev"].words, panel.dials["flicker_depth"].words) == ("−1 EV", "50 %")


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_can_be_shown_on_the_dials(panel, name):
    panel.set_light(PRESETS[name])
    for field, dial in panel.dials.items():
        wanted = getattr(PRESETS[name], field)
        if field != "flicker_hz" or wanted:
            assert dial.value == pytest.approx(wanted, rel=0.02)


@pytest.mark.parametrize(
    ("name", "tick", "field", "value"),
    [("ev", -24, "ev", -6.0), ("side_ratio", 120, "side_ratio", 64.0), ("side_angle", 18, "side_angle", 90.0),
     ("noise", 4, "noise", 1.0), ("flicker_depth", 10, "flicker_depth", 0.5), ("blur_px", 32, "blur_px", 8.0)],
)  # fmt: skip
def test_each_dial_changes_its_own_part_of_the_light(panel, qtbot, name, tick, field, value):
    if of := panel.rows[name].of:
        panel.dials[of].slider.setValue(panel.dials[of].slider.maximum())
    with qtbot.waitSignal(panel.light_changed) as told:
        panel.dials[name].slider.setValue(tick)
    light = told.args[0]
    assert getattr(light, field) == pytest.approx(value)
    others = {other: row.default for other, row in panel.rows.items() if other == of or row.of == name}
    assert replace(light, **others, **{field: getattr(Lighting(), field)}) == Lighting()


def test_a_flicker_by_hand_has_a_rate_and_no_flicker_has_none(panel):
    panel.dials["flicker_depth"].slider.setValue(4)
    assert (panel.light.flicker_depth, panel.light.flicker_hz) == (pytest.approx(0.2), 50)
    panel.dials["flicker_depth"].slider.setValue(0)
    assert panel.light == Lighting()


def test_a_double_click_resets_a_dial(panel, qtbot):
    panel.set_light(PRESETS["Night"])
    slider = panel.dials["ev"].slider
    with qtbot.waitSignal(panel.light_changed) as told:
        QTest.mouseDClick(slider, Qt.MouseButton.LeftButton, pos=slider.rect().center())
    assert told.args == [replace(PRESETS["Night"], ev=0.0)]


def test_the_keyboard_moves_a_dial(panel, qtbot):
    qtbot.keyClick(panel.dials["ev"].slider, Qt.Key.Key_Left)
    assert panel.light.ev == -0.25


def test_nothing_is_compared_while_the_light_is_the_recordings_own(panel):
    show(panel, 1, 2, [(0.0, False)])
    assert (panel.agreed, panel.drop, panel.since_s) == (None, None, None)
    assert {words for _, words, _ in panel.figures()} == {"–"}


def test_disagreement_tells_drop_share_and_time(panel):
    panel.set_light(PRESETS["Low light"])
    show(panel, 1, 2, [(0.0, True), (1.0, True), (2.0, False), (3.5, False)])
    assert panel.agreed is False
    assert panel.drop == pytest.approx(0.7 - 0.05)
    assert panel.since_s == pytest.approx(2.5)
    assert panel.share == 0.5
    assert [words for _, words, _ in panel.figures()] == ["no", "−65 points", "2.5 s ago", "50 %"]


def test_agreement_is_now(panel):
    panel.set_light(PRESETS["Low light"])
    show(panel, 1, 1, [(0.0, False), (1.0, True)])
    assert [words for _, words, _ in panel.figures()] == ["yes", "unchanged", "now", "50 %"]


def test_streams_that_never_agreed_say_so(panel):
    panel.set_light(PRESETS["Night"])
    show(panel, 1, 2, [(0.0, False), (1.0, False)])
    assert panel.figures()[2][1] == "never yet"


def test_turning_the_light_off_forgets_the_comparison(panel):
    panel.set_light(PRESETS["Night"])
    show(panel, 1, 1, [(0.0, True)])
    panel.reset()
    assert panel.share is None
    assert panel.since_s is None


def test_another_light_is_judged_by_its_own_answers(panel):
    panel.set_light(PRESETS["Low light"])
    show(panel, 1, 1, [(0.0, True), (1.0, True)])
    assert panel.share == 1.0
    panel.set_light(PRESETS["Night"])
    assert panel.share is None
    show(panel, 1, 2, [(1.0, True), (2.0, False)])
    assert panel.share == 0.0
    assert panel.since_s == pytest.approx(1.0)


def test_an_answer_still_under_the_light_before_does_not_count(panel):
    panel.set_light(PRESETS["Low light"])
    show(panel, 1, 1, [(0.0, True)])
    late = panel.result
    panel.set_light(PRESETS["Night"])
    panel.show_result(late, [replace(point(0, one_hot(1)), elapsed_s=0.5, stressed=one_hot(1))])
    assert panel.share is None


def test_the_event_rate_of_both_streams_is_shown_and_the_overlay_can_be_hidden(panel):
    panel.set_light(PRESETS["Night"])
    fake = FakePipeline(light=PRESETS["Night"])
    fake.advance(3)
    assert len(fake.latest().stressed.window.events) != len(fake.latest().window.events)
    panel.show_result(fake.latest(), fake.history())
    shown = picture(panel)
    panel.set_overlay(False)
    hidden = picture(panel)
    assert count(hidden, theme.ON) < count(shown, theme.ON) / 2


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preset_says_what_it_does(panel, name):
    words = panel.presets[name].toolTip()
    assert words.endswith(".")
    assert ("EV" in words) == (PRESETS[name].ev != 0)
    assert ("side light" in words) == (PRESETS[name].side_ratio > 1)


def test_only_the_last_20_s_count(panel):
    panel.set_light(PRESETS["Night"])
    show(panel, 1, 2, [(0.0, True), (25.0, False), (26.0, False)])
    assert panel.share == 0.0
    assert panel.since_s == pytest.approx(26.0)


def test_an_untrained_network_is_called_so(panel):
    panel.set_context(FakePipeline().info, engine(trained=False))
    assert "untrained" in panel.note.text()


def test_a_live_source_cannot_be_swept(panel):
    panel.set_context(replace(FakePipeline().info, live=True, duration_us=None), engine(trained=True))
    assert not panel.sweep_button.isEnabled()
    panel.set_context(FakePipeline().info, engine(trained=True))
    assert panel.sweep_button.isEnabled()


def test_the_window_lights_the_pipeline_only_while_the_laboratory_is_on_screen(playing):
    window, pipeline = playing
    feature(window, Laboratory).panel.set_light(PRESETS["Night"])
    assert pipeline.light == Lighting()
    window.show_layout("Lighting")
    assert pipeline.light == PRESETS["Night"]
    window.show_layout("Demo")
    assert pipeline.light == Lighting()


def test_the_next_recording_is_lit_as_the_last_one(window, maker, qtbot):
    window.show_layout("Lighting")
    feature(window, Laboratory).panel.set_light(PRESETS["Night"])
    with qtbot.waitSignal(window.stream.pipeline_changed):
        window.stream.open("eye_demo.aedat4")
    assert maker.made[-1].light == PRESETS["Night"]
    qtbot.keyClick(window, Qt.Key.Key_L)
    assert maker.made[-1].light == Lighting()


def test_arrow_keys_turn_the_dial_that_has_the_focus_and_do_not_seek(playing, qtbot):
    window, pipeline = playing
    window.show_layout("Lighting")
    panel = feature(window, Laboratory).panel
    panel.dials["ev"].slider.setFocus()
    qtbot.waitUntil(panel.dials["ev"].slider.hasFocus)
    qtbot.keyClick(panel.dials["ev"].slider, Qt.Key.Key_Right)
    assert pipeline.light == Lighting(ev=0.25)
    assert "seek" not in [call[0] for call in pipeline.calls]


def test_keys_change_the_light(playing, qtbot):
    window, pipeline = playing
    window.show_layout("Lighting")
    names = list(PRESETS)
    qtbot.keyClick(window, Qt.Key.Key_P)
    assert pipeline.light == PRESETS[names[1]]
    for _ in range(2):
        qtbot.keyClick(window, Qt.Key.Key_P, Qt.KeyboardModifier.ShiftModifier)
    assert pipeline.light == PRESETS[names[-1]]
    qtbot.keyClick(window, Qt.Key.Key_Up, Qt.KeyboardModifier.ControlModifier)
    assert pipeline.light == replace(PRESETS[names[-1]], ev=PRESETS[names[-1]].ev + 0.5)
    qtbot.keyClick(window, Qt.Key.Key_P)
    assert pipeline.light == PRESETS[names[0]]
    qtbot.keyClick(window, Qt.Key.Key_Down, Qt.KeyboardModifier.ControlModifier)
    assert pipeline.light == Lighting(ev=-0.5)


def test_the_overlay_key_reaches_the_laboratory(playing, qtbot):
    window, _ = playing
    panel = feature(window, Laboratory).panel
    qtbot.keyClick(window, Qt.Key.Key_E)
    assert not panel.overlay
    qtbot.keyClick(window, Qt.Key.Key_E)
    assert panel.overlay


def seeks(pipeline):
    return [call[1] for call in pipeline.calls if call[0] == "seek"]


def test_a_light_put_on_a_paused_recording_is_answered_for_the_moment_on_screen(playing, qtbot):
    window, pipeline = playing
    window.show_layout("Lighting")
    window.stream.toggle_play()
    panel = feature(window, Laboratory).panel
    here = pipeline.latest().window.t1_us
    panel.set_light(PRESETS["Night"])
    qtbot.waitUntil(lambda: panel.pair is not None)
    assert seeks(pipeline) == [here]
    assert panel.result.stressed.window.light == PRESETS["Night"]


def test_another_question_about_a_paused_recording_is_answered_too(playing, qtbot):
    window, pipeline = playing
    window.stream.toggle_play()
    window.panels["heatmaps"].target.setCurrentText("fear")
    qtbot.waitUntil(lambda: window.panels["heatmaps"].explained == "fear")
    assert len(seeks(pipeline)) == 1
    window.show_layout("Explain")
    qtbot.waitUntil(lambda: window.panels["readings"].result.prediction.rgb_only is not None)
    assert len(seeks(pipeline)) == 2


@pytest.mark.parametrize("why", ["playing", "recording", "live", "nothing new"])
def test_what_moves_or_is_recorded_is_not_sought(playing, qtbot, why):
    window, pipeline = playing
    window.show_layout("Lighting")
    lab, requery = feature(window, Laboratory), feature(window, Requery)
    if why != "playing":
        window.stream.toggle_play()
    if why == "recording":
        pipeline.record("x.aedat4")
    if why == "live":
        pipeline.info = replace(pipeline.info, live=True, duration_us=None)
    if why == "nothing new":
        requery.ask()
    else:
        lab.panel.set_light(PRESETS["Night"])
    with qtbot.waitSignal(requery._timer.timeout):
        pass
    assert seeks(pipeline) == []
