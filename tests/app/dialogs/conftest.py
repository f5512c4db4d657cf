"""Jobs for dialogs without a window; a failure that the dialog does not tell itself fails the test."""

from __future__ import annotations

import pytest

from app.core.jobs import Jobs


@pytest.fixture
def jobs(qtbot):
    jobs = Jobs(pytest.fail)
    yield jobs
    qtbot.waitUntil(lambda: not jobs.running)
