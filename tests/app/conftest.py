"""A window on a fake pipeline, with settings of its own; a message box that nobody expects fails the test."""

from __future__ import annotations

import weakref
from pathlib import Path

import pytest
from PySide6.QtWidgets import QMessageBox

from app.core.jobs import Job
from app.core.settings import Settings
from app.shell.window import MainWindow
from mcoe.capture.cameras import CameraSpec
from mcoe.core.errors import McoeError
from mcoe.live.engine.build import EngineOptions
from tests.app.fake import FakePipeline
from tests.live.fakes import FakeEngine, FakeSource


class Maker:
    """A workbench that remembers what it made."""

    def __init__(self):
        self.made: list[FakePipeline] = []
        self.paths: list[str | None] = []
        self.refuse = ""
        self.pipeline_options: dict = {}
        self.options, self.stride, self.alignments = EngineOptions(), None, Path("alignments")
        self.recordings, self.given = (), {}
        self.open_source, self.build = lambda path: FakeSource(), lambda weights=None: FakeEngine()

    def __call__(self, path):
        self.paths.append(path)
        if self.refuse:
            raise McoeError(self.refuse)
        self.made.append(FakePipeline(**self.pipeline_options))
        return self.made[-1]

    def gap(self):
        return 12 if self.stride is None else self.stride

    def file(self, path):
        if path is None:
            return self.recordings[0].path if self.recordings else None
        return None if CameraSpec.parse(path) is not None else Path(path)


@pytest.fixture(autouse=True)
def no_message_box(monkeypatch):
    def unexpected(*args, **kwargs):
        pytest.fail(f"a message box appeared: {args[1:]}")

    for name in ("exec", "open", "show", "information", "warning", "critical", "question"):
        monkeypatch.setattr(QMessageBox, name, unexpected)


@pytest.fixture(autouse=True)
def no_job_left(monkeypatch):
    """Fail a test that leaves a job which does not end though it was asked to: the program would not end either."""
    started, start = [], Job.start

    def noted(job):
        started.append((job.name, weakref.ref(job), job.thread_of_work))
        start(job)

    monkeypatch.setattr(Job, "start", noted)
    yield
    for _, job, _ in started:
        if job() is not None:
            job().cancel()
    for _, _, thread in started:
        thread.join(timeout=60)
    left = [name for name, _, thread in started if thread.is_alive()]
    assert not left, f"these jobs do not end: {left}"


@pytest.fixture(autouse=True)
def isolated_home(tmp_path, monkeypatch):
    """What the program keeps for its user goes into a folder of the test."""
    for kind in ("config", "state", "cache", "data"):
        monkeypatch.setenv(f"XDG_{kind.upper()}_HOME", str(tmp_path / kind))


@pytest.fixture
def settings(tmp_path):
    return Settings(tmp_path / "settings.json")


@pytest.fixture
def maker():
    return Maker()


@pytest.fixture
def window(qtbot, maker, settings):
    window = MainWindow(maker, settings)
    qtbot.addWidget(window)
    window.resize(1280, 800)
    # Shortcuts reach only an active window, and a bare X server has no window manager that would make it one.
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    return window


@pytest.fixture
def playing(window, maker, qtbot):
    """A window that shows the fake's fifth result, and the fake."""
    window.stream.open("eye_demo.aedat4")
    pipeline = maker.made[-1]
    pipeline.advance(5)
    qtbot.waitUntil(lambda: window.panels["camera"].result is pipeline.latest())
    return window, pipeline
