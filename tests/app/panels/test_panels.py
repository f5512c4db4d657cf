"""Each panel shows what it is given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage

from app.panels.balance import BalancePanel, token_maps
from app.panels.camera import CameraPanel, compose
from app.panels.emotions import EmotionPanel, smooth
from app.panels.experts import CALM, ExpertPanel
from app.panels.heatmaps import HeatmapPanel, event_picture, heat_over, rgb_picture
from app.panels.recent import Chart, RecentPanel, dashed, lit_runs, strip
from app.panels.voxels import VoxelPanel, display_scale, signed_image
from app.widgets import theme
from app.widgets.painting import spread
from mcoe.events.packets import make_events
from mcoe.results import Result
from tests.app.fake import HEIGHT, SIZE, SOURCE, WIDTH, FakePipeline, engine, make_prediction, make_window, point

PANELS = (CameraPanel, HeatmapPanel, EmotionPanel, VoxelPanel, ExpertPanel, BalancePanel, RecentPanel)


def result_of(**changes) -> Result:
    window = make_window(30, 0, SOURCE)
    return Result(window, make_window(18, 0, SOURCE), replace(make_prediction(30), **changes), {})


def picture(panel) -> np.ndarray:
    """Return the canvas as ``(h, w, 3)`` uint8."""
    image = panel.canvas.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def count(image: np.ndarray, colour: str, tolerance: int = 3) -> int:
    return int((np.abs(image.astype(int) - theme.rgb(colour)).max(-1) <= tolerance).sum())


@pytest.fixture
def shown(qtbot):
    """Show a panel of one class with one result."""

    def show(cls, result, history=(), source=SOURCE, trained=True):
        panel = cls()
        qtbot.addWidget(panel)
        panel.resize(440, 320)
        panel.setStyleSheet(theme.style_sheet(13))
        panel.show()
        panel.set_context(source, engine(trained))
        if result is not None:
            panel.show_result(result, history)
        return panel

    return show


@pytest.mark.parametrize("cls", PANELS)
def test_a_panel_changes_with_its_result_and_goes_back_when_cleared(shown, cls):
    pipeline = FakePipeline()
    pipeline.advance(30)
    panel = shown(cls, None)
    empty = picture(panel)
    panel.show_result(pipeline.latest(), pipeline.history())
    first = picture(panel)
    assert (first != empty).any()
    pipeline.advance(30)
    panel.show_result(pipeline.latest(), pipeline.history())
    assert (picture(panel) != first).any()
    panel.clear()
    note = panel.note.text()
    assert (picture(panel) == empty).mean() > 0.999, note


@pytest.mark.parametrize("cls", PANELS)
@pytest.mark.parametrize("lacking", ["frames", "events", "heat maps"])
def test_a_missing_stream_is_shown_calmly(shown, cls, lacking):
    source = replace(SOURCE, has_frames=lacking != "frames", has_events=lacking != "events")
    window = make_window(30, 0, source)
    prediction = make_prediction(30)
    if lacking == "heat maps":
        prediction = replace(prediction, cam_rgb=None, cam_event=None)
    panel = shown(cls, Result(window, window, prediction, {}), source=source)
    assert len(np.unique(picture(panel).reshape(-1, 3), axis=0)) > 1


@pytest.mark.parametrize("sensor", [(346, 260), (1280, 720)])
def test_events_lie_on_the_frame_at_their_pixels(sensor):
    window = replace(
        make_window(0, 0, SOURCE),
        frame=None,
        events=make_events([1, 2], [0, sensor[0] - 1], [0, sensor[1] - 1], [1, 0]),
    )
    size = (692, 692 * sensor[1] // sensor[0])
    image = compose(window, sensor, size, overlay=True)
    assert tuple(image[0, 0]) == theme.rgb(theme.ON)
    assert tuple(image[-1, -1]) == theme.rgb(theme.OFF)
    assert image.shape == (size[1], size[0], 3)


def test_the_overlay_can_be_hidden_and_the_frame_is_not_written_to(shown):
    result = result_of()
    before = result.window.frame.image.copy()
    panel = shown(CameraPanel, result)
    with_events = count(picture(panel), theme.ON)
    panel.set_overlay(False)
    assert count(picture(panel), theme.ON) < with_events / 2
    compose(result.window, (WIDTH, HEIGHT), (WIDTH, HEIGHT), True)
    assert (result.window.frame.image == before).all()


def test_voxels_show_on_and_off_in_their_colours():
    plane = np.zeros((SIZE, SIZE), np.float32)
    plane[0, 0], plane[-1, -1] = 5, -5
    image = signed_image(plane, 2.0, (SIZE, SIZE))
    assert tuple(image[0, 0]) == theme.rgb(theme.ON)
    assert tuple(image[-1, -1]) == theme.rgb(theme.OFF)
    assert image[50, 50].max() < 25
    assert display_scale(np.zeros((3, 4, 4))) == 0.2


def test_smoothing_weighs_recent_points_of_this_epoch_only():
    result = result_of(probabilities=np.eye(7, dtype=np.float32)[0])
    now = result.window.t1_us
    other = np.eye(7)[1]
    assert smooth(result, [])[0] == 1
    assert smooth(result, [point(0, other, epoch=9, t_us=now - 33_000)])[1] == 0
    mixed = smooth(result, [point(0, other, epoch=0, t_us=now - 400_000), point(0, other, epoch=0, t_us=now)])
    assert mixed[1] == pytest.approx(np.exp(-1) / (1 + np.exp(-1)))


def test_the_longest_bar_belongs_to_the_winner(shown):
    for index in (0, 4):
        panel = shown(EmotionPanel, result_of(probabilities=np.eye(7, dtype=np.float32)[index]))
        name = panel.winner
        assert name == list(theme.EMOTION_COLOURS)[index]
        image = picture(panel)
        colours = {key: count(image, colour) for key, colour in theme.EMOTION_COLOURS.items()}
        assert max(colours, key=colours.get) == name


def test_the_untrained_notice_mutes_the_bars(shown):
    result = result_of(probabilities=np.eye(7, dtype=np.float32)[0])
    trained = picture(shown(EmotionPanel, result))
    untrained = picture(shown(EmotionPanel, result, trained=False))
    assert count(untrained, theme.EMOTION_COLOURS["happy"]) < count(trained, theme.EMOTION_COLOURS["happy"]) / 10
    assert count(untrained, theme.WARNING) > count(trained, theme.WARNING)


def test_only_chosen_experts_are_filled(shown):
    gates = np.full(8, 0.1, np.float32)
    gates[[1, 4]] = 0.3, 0.1
    result = result_of(gates=gates, chosen=np.array([1, 4]), weights=np.array([0.75, 0.25], np.float32))
    image = picture(shown(ExpertPanel, result))
    kinds = result.prediction.expert_kinds
    assert {kinds[1], kinds[4]} == {"attention"}
    chosen, others = count(image, theme.KIND_COLOURS["attention"]), count(image, theme.KIND_COLOURS["focal"])
    assert chosen > 10 * others


def gates_of(highest):
    gates = np.full(8, (1 - highest) / 7, np.float32)
    gates[2] = highest
    return result_of(gates=gates, chosen=np.array([2, 0]))


def test_the_gates_axis_grows_at_once_and_shrinks_only_after_a_while(shown):
    panel = shown(ExpertPanel, gates_of(0.2))
    assert panel.top == 0.25
    panel.show_result(gates_of(0.7), ())
    assert panel.top == 1.0
    for _ in range(CALM - 1):
        panel.show_result(gates_of(0.3), ())
    assert panel.top == 1.0
    panel.show_result(gates_of(0.3), ())
    assert panel.top == 0.5
    panel.clear()
    assert panel.top == 0.25


def test_a_gate_is_as_high_as_its_axis_says(shown):
    panel = shown(ExpertPanel, gates_of(1.0))
    full = count(picture(panel), theme.KIND_COLOURS["deep"])
    panel.show_result(gates_of(0.5), ())
    assert count(picture(panel), theme.KIND_COLOURS["deep"]) == pytest.approx(full / 2, rel=0.15)


@pytest.mark.parametrize("value", [0.0, 0.2, 0.9, 1.0])
def test_the_bar_is_split_where_the_gate_gives_the_frames_content_what_the_events_leave(shown, value):
    image = picture(shown(BalancePanel, result_of(alpha=np.full(32, value, np.float32))))
    row = image[max(range(100), key=lambda y: count(image[y], theme.RGB) + count(image[y], theme.EVENT))]
    rgb, event = count(row, theme.RGB), count(row, theme.EVENT)
    assert rgb / (rgb + event) == pytest.approx(1 - value, abs=0.03)


def test_token_maps_put_the_older_frame_first():
    maps = token_maps(np.arange(32))
    assert maps.shape == (2, 4, 4)
    assert maps[0, 0, 1] == 1
    assert maps[1, 0, 0] == 16
    assert token_maps(np.array([0.2, 0.4])).shape == (2, 1, 1)


def test_heat_covers_where_the_evidence_is():
    grey = np.full((SIZE, SIZE), 128, np.uint8)
    cam = np.zeros((4, 4), np.float32)
    cam[0, 0] = 1
    image = heat_over(grey, cam, (200, 200)).astype(int)
    assert np.abs(image[0, 0] - 128).max() > 60
    assert np.abs(image[-1, -1] - 128).max() <= 1
    assert (heat_over(grey, None, (SIZE, SIZE)) == 128).all()


def test_heat_map_names_the_emotion_it_explains_and_survives_zero_evidence(shown):
    zero = np.zeros((2, 4, 4), np.float32)
    panel = shown(HeatmapPanel, result_of(cam_class=5, cam_rgb=zero, cam_event=zero))
    assert panel.explained == "fear"
    assert picture(panel).size
    window = make_window(3, 0, SOURCE)
    assert rgb_picture(window).shape == (SIZE, SIZE, 3)
    assert event_picture(window).shape == (SIZE, SIZE)


def test_the_strip_keeps_20_seconds_and_goes_on_over_a_seek():
    uniform = np.full(7, 1 / 7)
    points = [point(i, uniform) for i in range(700)]
    points += [point(i, uniform, epoch=1, t_us=i) for i in range(700, 730)]
    data = strip(points, 20.0)
    assert data.elapsed_s[-1] == points[-1].elapsed_s
    assert 19.9 < data.elapsed_s[-1] - data.elapsed_s[0] <= 20
    assert (np.diff(data.elapsed_s) > 0).all()
    assert data.breaks.tolist() == [len(data.elapsed_s) - 30]


def test_the_chart_draws_each_line_at_its_height():
    values = np.linspace(0.05, 0.95, 7)
    points = [point(i, values) for i in range(600)]
    image = Chart().picture(strip(points, 20.0), (900, 200))
    for (name, colour), value in zip(theme.EMOTION_COLOURS.items(), values, strict=True):
        y = round(199 * (1 - value))
        # Antialiasing spreads a line over two rows, each then fainter than its colour.
        assert count(image[y - 2 : y + 3], colour, tolerance=110) > 250, name
        assert count(image[y + 8 : y + 13], colour, tolerance=110) < 50, name
    assert count(Chart().picture(strip([], 20.0), (900, 200)), theme.EMOTION_COLOURS["happy"]) == 0


def test_scrolling_draws_what_a_fresh_chart_would():
    rng = np.random.default_rng(3)
    points = [point(i, rng.dirichlet(np.ones(7)), epoch=i // 500) for i in range(900)]
    chart = Chart()
    for end in (1, 2, 300, 301, 305, 520, 521, 899, 900):
        scrolled = chart.picture(strip(points[:end], 20.0), (400, 90)).astype(int)
        fresh = Chart().picture(strip(points[:end], 20.0), (400, 90)).astype(int)
        # Where lines cross, the one drawn last is on top.
        assert (np.abs(scrolled - fresh).max(-1) > 0).mean() < 0.05, end
        assert np.abs(scrolled.mean((0, 2)) - fresh.mean((0, 2))).mean() < 1.5, end


def test_a_chart_starts_afresh_for_another_history_or_size():
    uniform, certain = np.full(7, 1 / 7), np.eye(7)[2]
    chart = Chart()
    chart.picture(strip([point(i, uniform) for i in range(90)], 20.0), (400, 90))
    other = strip([point(i, certain) for i in range(5, 60)], 20.0)
    assert (chart.picture(other, (400, 90)) == Chart().picture(other, (400, 90))).all()
    assert (chart.picture(other, (300, 80)) == Chart().picture(other, (300, 80))).all()


def test_dashes_hang_on_stream_time():
    stamps = np.arange(0, 40 * 33_333, 33_333)
    places = np.stack([stamps / 1e3, np.zeros(len(stamps))], 1)
    cut, lit, _ = dashed(stamps, places, np.ones(len(stamps), bool), (3, 2))
    assert lit[:5].tolist() == [True, True, True, False, False]
    later, lit_later, _ = dashed(stamps[7:], places[7:], np.ones(len(stamps) - 7, bool), (3, 2))
    assert (lit[-len(later) :] == lit_later).all()
    assert (cut[-len(later) :] == later).all()


def test_dashes_keep_their_length_when_results_are_rare():
    stamps = np.array([0, 400_000, 1_000_000])
    places = np.array([[0.0, 0.0], [40.0, 80.0], [100.0, 80.0]])
    cut, lit, leads = dashed(stamps, places, np.array([True, False, False]), (3, 3))
    dashes = [cut[run] for run in lit_runs(lit)]
    assert len(dashes) == 6
    assert [round(dash[-1, 0] - dash[0, 0]) for dash in dashes[:-1]] == [10] * 5
    assert np.allclose(cut[cut[:, 0] < 40, 1], 2 * cut[cut[:, 0] < 40, 0])
    assert (leads == (cut[:, 0] < 40)).all()
    assert lit_runs(np.ones(1, bool)) == []


@given(st.lists(st.floats(0, 100), min_size=1, max_size=9))
def test_labels_never_overlap_and_stay_inside(wanted):
    placed = spread(np.array(wanted), 10.0, 0.0, 100.0)
    ordered = np.sort(placed)
    assert (np.diff(ordered) >= 10 - 1e-6).all()
    assert ordered[-1] <= 100 + 1e-6
    assert ordered[0] >= -1e-6


def test_a_canvas_that_fails_to_draw_does_not_take_the_process_down(qtbot):
    from app.widgets.painting import Canvas

    def broken(painter, rect: QRectF):
        raise RuntimeError("broken")

    canvas = Canvas(broken)
    qtbot.addWidget(canvas)
    canvas.resize(20, 20)
    with pytest.raises(RuntimeError, match="broken"):
        canvas.grab()


def test_a_certain_leader_is_drawn_as_strongly_as_any_other():
    empty = Chart().picture(strip([], 20.0), (900, 200)).astype(int)

    def ink(share):
        values = np.full(7, (1 - share) / 6)
        values[0] = share
        image = Chart().picture(strip([point(i, values) for i in range(600)], 20.0), (900, 200))
        return np.abs(image.astype(int) - empty)[:60].sum()

    assert ink(1.0) > 0.85 * ink(0.8)
