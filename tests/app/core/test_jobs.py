"""Jobs end once, in one way, told in the window's thread; none hangs, is cut off or outlives its window badly."""

from __future__ import annotations

import logging
import threading
from functools import partial

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject
from shiboken6 import isValid

from app.core.jobs import Jobs
from app.shell.window import MainWindow
from mcoe.core.errors import McoeError

ENDS = ("done", "failed", "cancelled", "over")


class Panic(BaseException):
    """What Rust code, as that of safetensors, raises in Python when it panics: no Exception."""


class Heard(list):
    """What a job's signals told, each with its arguments."""

    def follow(self, job):
        for name in ("progressed", "told", *ENDS):
            getattr(job, name).connect(partial(self._hear, name))
        return job

    def _hear(self, name, *args):
        assert threading.current_thread() is threading.main_thread()
        self.append((name, *args))

    @property
    def ends(self):
        return [each for each in self if each[0] in ENDS]


@pytest.fixture
def failures():
    return []


@pytest.fixture
def jobs(qtbot, failures):
    jobs = Jobs(failures.append)
    yield jobs
    jobs.cancel_all()
    qtbot.waitUntil(lambda: not jobs.running)


@pytest.fixture
def heard():
    return Heard()


def until_stopped(job):
    while job.progress(0.5):
        pass


def until_checked(job):
    while True:
        job.check()


def ended(qtbot, job):
    qtbot.waitUntil(lambda: job.state != "running")
    qtbot.wait(1)  # whatever else it might tell
    return job


def test_a_job_tells_how_far_it_is_what_is_ready_and_what_it_made(jobs, heard, failures, qtbot):
    threads = []

    def work(job):
        threads.append(threading.current_thread())
        job.progress(0.5)
        job.tell("first")
        job.tell("second")
        return 7

    job = ended(qtbot, heard.follow(jobs.start("The work", work)))
    assert heard == [("progressed", 0.5), ("told", "first"), ("told", "second"), ("done", 7), ("over",)]
    assert (job.state, job.made, job.error, job.share) == ("done", 7, "", 0.5)
    assert threads != [threading.main_thread()]
    assert jobs.running == ()
    assert failures == []


def test_work_that_makes_nothing_is_done_unless_it_was_asked_to_stop(jobs, heard, qtbot):
    ended(qtbot, heard.follow(jobs.start("The work", lambda _: None)))
    assert heard == [("done", None), ("over",)]


@pytest.mark.parametrize("work", [until_stopped, until_checked, lambda job: until_stopped(job) or False])
def test_a_job_that_stops_because_it_was_asked_to_is_cancelled(jobs, heard, failures, qtbot, work):
    job = heard.follow(jobs.start("The work", work))
    assert not job.cancelling
    job.cancel()
    job.cancel()
    assert job.cancelling
    ended(qtbot, job)
    assert heard.ends == [("cancelled",), ("over",)]
    assert (job.state, job.made, job.cancelling) == ("cancelled", None, False)
    assert failures == []


def test_what_was_made_although_it_was_asked_to_stop_is_not_thrown_away(jobs, heard, qtbot):
    def work(job):
        until_stopped(job)
        return "whole"

    job = heard.follow(jobs.start("The work", work))
    job.cancel()
    ended(qtbot, job)
    assert heard.ends == [("done", "whole"), ("over",)]


def test_bad_input_is_told_as_it_is(jobs, heard, failures, qtbot, caplog):
    def work(job):
        raise McoeError("a.aedat4 is empty; open another.")

    job = ended(qtbot, heard.follow(jobs.start("The work", work)))
    assert heard == [("failed", "a.aedat4 is empty; open another."), ("over",)]
    assert (job.state, job.error) == ("failed", "a.aedat4 is empty; open another.")
    assert failures == ["a.aedat4 is empty; open another."], "nobody else answers for it"
    assert caplog.records == []


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("planted"), MemoryError("planted"), Panic("planted"), SystemExit()]
)
def test_what_nobody_expected_is_told_and_logged_and_ends_the_job(jobs, heard, failures, qtbot, caplog, error):
    def work(job):
        raise error

    ended(qtbot, heard.follow(jobs.start("The work", work)))
    (failed, words), over = heard
    assert (failed, over) == ("failed", ("over",))
    assert words.startswith(f"The work stopped on an unexpected {type(error).__name__}")
    assert "see the log" in words
    assert failures == [words]
    (record,) = caplog.records
    assert (record.levelno, record.getMessage(), record.exc_info[1]) == (logging.ERROR, "The work stopped", error)


def test_whoever_answers_for_a_failure_is_told_alone(jobs, failures, qtbot):
    told, over = [], []
    job = jobs.start("The work", lambda _: 1 / 0, failed=told.append, over=lambda: over.append(job.state))
    ended(qtbot, job)
    assert len(told) == 1
    assert over == ["failed"]
    assert failures == []


def test_a_mistake_in_a_slot_leaves_the_job_over(jobs, qtbot):
    over = []
    with qtbot.captureExceptions() as raised:
        job = jobs.start("The work", lambda _: 1, done=lambda _: 1 / 0, over=lambda: over.append(1))
        ended(qtbot, job)
    assert [each[0] for each in raised] == [ZeroDivisionError]
    assert over == [1]
    assert jobs.running == ()


def test_work_that_tells_often_does_not_flood_the_window(jobs, heard, qtbot):
    go = threading.Event()

    def work(job):
        for i in range(5000):
            job.progress(i / 5000)
        go.set()
        return 1

    job = heard.follow(jobs.start("The work", work))
    assert go.wait(60)  # while nothing is heard
    ended(qtbot, job)
    assert [name for name, *_ in heard] == ["progressed", "done", "over"]


def test_jobs_run_beside_each_other_and_all_can_be_stopped(jobs, qtbot):
    both = threading.Barrier(2)

    def work(job):
        both.wait(60)
        until_stopped(job)

    pair = [jobs.start("The work", work) for _ in range(2)]
    assert jobs.running == tuple(pair)
    jobs.cancel_all()
    for job in pair:
        assert ended(qtbot, job).state == "cancelled"


def test_the_programs_end_waits_for_what_must_not_be_cut_off_and_hears_nothing_of_the_rest(qtbot, heard):
    jobs, gates, written = Jobs(pytest.fail), [threading.Event(), threading.Event()], []
    kept = jobs.start("Writing", lambda _: gates[0].wait(60) and written.append(1), kept=True)
    other = heard.follow(jobs.start("Looking", lambda _: gates[1].wait(60)))
    threading.Timer(0.05, gates[0].set).start()
    jobs.join()
    assert written == [1]
    gates[1].set()
    other.thread_of_work.join()
    qtbot.waitUntil(lambda: kept.state == "done")
    assert heard == []


def destroy(thing: QObject) -> None:
    thing.deleteLater()
    QCoreApplication.sendPostedEvents(thing, QEvent.Type.DeferredDelete)
    assert not isValid(thing)


def test_a_job_that_outlives_its_window_ends_in_silence(qtbot, maker, settings):
    """A window's end takes dialogs and panels along, about which the job's slots would go."""
    window = MainWindow(maker, settings)
    gate, told = threading.Event(), []

    def work(job):
        job.progress(0.1)
        assert gate.wait(60)
        job.progress(0.9)
        job.tell("something")
        return 1

    job = window.jobs.start("The work", work, told.append, over=lambda: told.append("over"), told=told.append)
    qtbot.waitUntil(lambda: job.share == 0.1)
    window.close()
    destroy(window)
    gate.set()
    job.thread_of_work.join()
    qtbot.wait(1)
    assert told == []


def test_a_window_goes_while_its_jobs_are_telling(qtbot):
    """Qt's half of a job must stay while the thread uses it: without, this ends the whole program."""
    for _ in range(30):
        owner = QObject()
        jobs, go = Jobs(pytest.fail, owner), threading.Event()

        def work(job, go=go):
            while not go.wait(2e-5):
                for share in range(100):
                    job.progress(share / 100)

        telling = [jobs.start("The work", work) for _ in range(4)]
        qtbot.wait(1)
        destroy(owner)
        go.set()
        for job in telling:
            job.thread_of_work.join()
    qtbot.wait(1)
