"""What is slow to make is made while the first network loads."""

from __future__ import annotations

from app.features.expert_map import ExpertMap
from app.features.laboratory import Laboratory
from tests.app.fake import feature


def test_dialogs_are_made_unseen_after_the_first_opening(window, qtbot):
    lab, experts = feature(window, Laboratory), feature(window, ExpertMap)
    assert lab.dialog is None
    assert experts.dialog is None
    window.stream.open("eye_demo.aedat4")
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
