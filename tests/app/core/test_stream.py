"""What is open: one at a time, opened once the last one has let go, told of by signals and without a window."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from app.core.jobs import Jobs
from app.core.stream import Rest, Stream
from mcoe.live.bundled import BundledRecording
from tests.app.fake import SOURCE, engine


@pytest.fixture
def complaints():
    return []


@pytest.fixture
def jobs(qapp, complaints):
    return Jobs(complaints.append)


@pytest.fixture
def stream(maker, jobs, qtbot):
    stream = Stream(maker, jobs)
    yield stream
    stream.close()
    qtbot.waitUntil(lambda: not jobs.running)


@pytest.fixture
def told(stream):
    """Names and arguments of the signals that came, in order."""
    came = []
    for name in ("pipeline_changed", "source_changed", "context_changed", "result_shown", "opening", "failed"):
        getattr(stream, name).connect(lambda *given, name=name: came.append((name, *given)))
    return came


def names(told):
    return [name for name, *_ in told]


def test_a_result_is_told_of_once_with_the_history_up_to_it(stream, maker, told):
    stream.open("eye_demo.aedat4")
    pipeline = maker.made[-1]
    assert stream.pipeline is pipeline
    assert stream.result is None
    pipeline.advance(3)
    stream.tick()
    stream.tick()
    assert [given for name, *given in told if name == "result_shown"] == [[pipeline.latest(), pipeline.history()]]
    assert stream.result is pipeline.latest()
    pipeline.advance()
    stream.tick()
    assert names(told).count("result_shown") == 2


def test_the_pipeline_is_told_of_before_what_it_knows_and_both_before_its_results(stream, maker, told):
    maker.pipeline_options = {"info": None, "engine_info": None}
    stream.open("eye_demo.aedat4")
    pipeline = maker.made[-1]
    assert names(told)[-2:] == ["opening", "pipeline_changed"]
    told.clear()
    pipeline.info = SOURCE
    stream.tick()
    assert told == [("source_changed", SOURCE), ("context_changed", SOURCE, None)]
    told.clear()
    pipeline.engine_info = known = engine()
    stream.tick()
    assert told == [("context_changed", SOURCE, known)], "the source is the same"
    assert (stream.source, stream.engine) == (SOURCE, known)
    told.clear()
    stream.close()
    assert told == [("pipeline_changed", None), ("source_changed", None), ("context_changed", None, None)]
    assert (stream.source, stream.engine, stream.pipeline, stream.result) == (None, None, None, None)


def test_the_next_opens_once_the_last_has_let_go_and_only_the_newest_wish_counts(stream, maker, qtbot, monkeypatch):
    stream.open("camera:davis")
    free = threading.Event()
    monkeypatch.setattr(maker.made[0], "close", free.wait)
    stream.open("second.aedat4")
    stream.open("third.aedat4")
    assert maker.paths == ["camera:davis"], "the camera is still held"
    assert stream.pipeline is None
    assert stream.path == "third.aedat4"
    free.set()
    qtbot.waitUntil(lambda: stream.pipeline is not None)
    assert maker.paths == ["camera:davis", "third.aedat4"]


def test_what_was_asked_for_is_not_opened_after_the_end(stream, jobs, maker, qtbot, monkeypatch):
    stream.open("camera:davis")
    free = threading.Event()
    monkeypatch.setattr(maker.made[0], "close", free.wait)
    stream.open("second.aedat4")
    stream.close()
    free.set()
    qtbot.waitUntil(lambda: not jobs.running)
    assert maker.paths == ["camera:davis"]
    assert stream.pipeline is None


def test_one_that_fails_to_close_is_told_of_and_keeps_nothing_from_opening(
    stream, maker, complaints, qtbot, monkeypatch, caplog
):
    stream.open("first.aedat4")

    def broken():
        raise RuntimeError("a thread is stuck")

    monkeypatch.setattr(maker.made[0], "close", broken)
    stream.open("second.aedat4")
    qtbot.waitUntil(lambda: stream.pipeline is not None)
    assert maker.paths[-1] == "second.aedat4"
    assert "a thread is stuck" in complaints[0]
    assert "a thread is stuck" in caplog.text


def test_a_refusal_and_a_failure_are_each_told_once(stream, maker, told, qtbot):
    maker.refuse = "notes.txt is not an event recording; open an AEDAT4 file."
    stream.open("notes.txt")
    assert told[-1] == ("failed", maker.refuse)
    assert stream.pipeline is None
    maker.refuse = ""
    stream.reopen()
    assert maker.paths == ["notes.txt", "notes.txt"]
    pipeline = maker.made[-1]
    pipeline.state, pipeline.error = "failed", "The camera was unplugged; plug it in."
    told.clear()
    for _ in range(3):
        stream.tick()
    assert [given for name, *given in told if name == "failed"] == [[pipeline.error]]


def test_what_is_open_has_a_name_also_before_it_is_known(stream, maker, tmp_path):
    assert (stream.name, stream.wanted_name) == ("", "the bundled recording")
    maker.recordings = (BundledRecording("Normal light", tmp_path / "normal.aedat4"),)
    maker.pipeline_options = {"info": None}
    stream.open(None)
    assert (stream.file, stream.bundled, stream.name) == (tmp_path / "normal.aedat4", True, "")
    assert stream.wanted_name == "normal.aedat4"
    stream.open(str(tmp_path / "normal.aedat4"))
    assert stream.bundled, "by its own path too"
    stream.open(str(tmp_path / "mine.aedat4"))
    assert (stream.bundled, stream.name) == (False, "mine.aedat4")
    stream.open("camera:davis")
    assert (stream.file, stream.bundled) == (None, False)
    assert "davis" in stream.name.lower()


def test_the_sources_own_name_wins(stream, maker):
    maker.pipeline_options = {"info": replace(SOURCE, name="DAVIS346 00000002")}
    stream.open("camera:davis")
    assert stream.name == "DAVIS346 00000002"


def test_labels_come_with_the_recording_and_go_with_the_next(stream, maker, tmp_path, qtbot):
    path = tmp_path / "labelled.aedat4"
    path.with_suffix(".json").write_text('{"label": "sad"}')
    came = []
    stream.labels_changed.connect(came.append)
    stream.open(str(path))
    assert stream.labels.at(SOURCE.start_us) == "sad"
    stream.open(str(tmp_path / "bare.aedat4"))
    qtbot.waitUntil(lambda: stream.pipeline is not None)
    assert not stream.labels.segments
    assert came[-1] is stream.labels


def test_trouble_is_told_when_it_changes(stream):
    came = []
    stream.trouble_changed.connect(came.append)
    for words in ("", "camera lost", "camera lost", ""):
        stream.set_trouble(words)
    assert came == ["camera lost", ""]


def test_controls_reach_the_pipeline_and_do_nothing_without_one(stream, maker):
    for control in (stream.toggle_play, stream.step, lambda: stream.seek(5), lambda: stream.set_speed(2)):
        control()
    stream.open("eye_demo.aedat4")
    pipeline = maker.made[-1]
    pipeline.advance()
    stream.toggle_play()
    stream.toggle_play()
    stream.step()
    stream.seek(SOURCE.start_us)
    stream.set_speed(0.5)
    assert pipeline.calls == [
        *[("start",), ("pause",), ("play",), ("step",)],
        *[("seek", SOURCE.start_us), ("set_speed", 0.5)],
    ]


@pytest.fixture
def resting(stream, maker):
    stream.open("eye_demo.aedat4")
    maker.made[-1].advance()
    return Rest(stream), maker.made[-1]


def test_a_rest_pauses_what_plays_and_lets_it_go_on(resting):
    rest, pipeline = resting
    rest.begin()
    assert pipeline.state == "paused"
    rest.end()
    assert pipeline.state == "playing"
    pipeline.state = "paused"
    rest.end()
    assert pipeline.state == "paused", "a rest ends once"


@pytest.mark.parametrize("state", ["paused", "ended"])
def test_a_rest_leaves_what_did_not_play(resting, state):
    rest, pipeline = resting
    pipeline.state = state
    rest.begin()
    rest.end()
    assert ("play",) not in pipeline.calls


def test_a_rest_leaves_what_somebody_else_took_up(resting, stream, maker, qtbot):
    rest, pipeline = resting
    rest.begin()
    pipeline.state = "ended"
    rest.end()
    assert ("play",) not in pipeline.calls
    pipeline.state = "playing"
    rest.begin()
    stream.open("other.aedat4")
    qtbot.waitUntil(lambda: stream.pipeline is not None)
    rest.end()
    assert ("play",) not in pipeline.calls
    assert ("play",) not in maker.made[-1].calls
