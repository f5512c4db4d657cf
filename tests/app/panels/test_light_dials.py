"""The laboratory's dials: each part of a light that is declared becomes a control."""

from __future__ import annotations

import pytest

from app.panels.light_dials import make_dials
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
