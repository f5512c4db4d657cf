"""What is slow to make is made while the first network loads; loading's leavings are spared from collection, once."""

from __future__ import annotations

import gc

from app.core.ahead import spare_pauses
from app.dialogs.expert_map import ExpertMap
from app.features.laboratory import Laboratory


def test_dialogs_are_made_unseen_after_the_first_opening(window, qtbot):
    lab, experts = window.feature(Laboratory), window.feature(ExpertMap)
    assert lab.dialog is None
    window.open("eye_demo.aedat4")
    qtbot.waitUntil(lambda: lab.dialog is not None and experts.dialog is not None)
    made = lab.dialog
    assert not made.isVisible()
    assert not experts.dialog.isVisible()
    lab.show_sweep()
    assert lab.dialog is made
    assert made.isVisible()
    assert (made.width(), made.height()) == (round(window.width() * 3 / 5), round(window.height() * 3 / 5))
    made.resize(700, 450)
    made.close()
    lab.show_sweep()
    assert (made.width(), made.height()) == (700, 450), "a size given by hand is kept"
    made.close()


def test_only_the_first_result_spares_what_loading_made(window, maker, monkeypatch, qtbot):
    calls = []
    monkeypatch.setattr(gc, "freeze", lambda: calls.append(1))
    spare_pauses(window)
    window.open("eye_demo.aedat4")
    assert not calls
    for _ in range(3):
        maker.made[-1].advance()
        window.tick()
    assert calls == [1]
