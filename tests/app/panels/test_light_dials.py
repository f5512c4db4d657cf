"""The laboratory's dials: each part of a light that is declared becomes a control."""

from __future__ import annotations

from itertools import combinations

import pytest

from app.panels.light_dials import make_dials
from app.panels.lighting import LightingPanel
from mcoe.sensor.lighting import Lighting, parameters
from tests.sensor.test_lighting import Foggy


@pytest.fixture
def dials(qtbot):
    dials = make_dials(Foggy)
    for dial in dials.values():
        qtbot.addWidget(dial)
    return dials


def test_a_new_part_of_a_light_is_a_control(dials):
    fog = dials["fog"]
    assert (fog.value, fog.words) == (0, "0.0")
    assert "Light that does not arrive." in fog.toolTip()
    fog.slider.setValue(fog.slider.maximum())
    assert (fog.value, fog.words) == (1, "1.0")
    assert Foggy(fog=fog.value).active


def test_the_laboratory_places_it_and_tells_of_it(qtbot):
    panel = LightingPanel(Foggy)
    qtbot.addWidget(panel)
    panel.resize(900, 700)
    panel.show()
    assert panel.dials["fog"].isVisible()
    boxes = [dial.geometry() for dial in panel.dials.values()] + [panel.sweep_button.geometry()]
    assert not any(a.intersects(b) for a, b in combinations(boxes, 2))
    with qtbot.waitSignal(panel.light_changed) as told:
        panel.dials["fog"].slider.setValue(panel.dials["fog"].slider.maximum())
    assert told.args == [Foggy(fog=1)]


@pytest.mark.parametrize(("lead", "follower"), [("flicker_depth", "flicker_hz"), ("side_ratio", "side_angle")])
def test_what_needs_another_part_of_the_light_follows_it_on_and_off(qtbot, lead, follower):
    panel = LightingPanel()
    qtbot.addWidget(panel)
    panel.dials[follower].slider.setValue(panel.dials[follower].slider.maximum())
    assert panel.light == Lighting()
    panel.dials[lead].slider.setValue(panel.dials[lead].slider.maximum())
    assert getattr(panel.light, follower) == parameters(Lighting)[follower].high
    panel.dials[lead].slider.setValue(panel.dials[lead].slider.minimum())
    assert panel.light == Lighting()


def test_every_control_ends_where_its_part_of_the_light_does(dials):
    assert set(dials) - {"fog"} == set(parameters(Lighting))
    for name, row in parameters(Foggy).items():
        ends = []
        for end in (dials[name].slider.minimum(), dials[name].slider.maximum()):
            dials[name].slider.setValue(end)
            ends.append(dials[name].value)
        assert ends == pytest.approx([row.low, row.high])
        Foggy(**{name: ends[0]})
        Foggy(**{name: ends[1]})
