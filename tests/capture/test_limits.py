"""What a hostile file may cost: the decoder's memory and computing are limited where it starts, and it says why."""

import subprocess
import sys

import pytest

from mcoe.capture.guarded import ChildFailed, ChildGone, GuardedChild
from mcoe.capture.reasons import reason
from mcoe.core.errors import McoeError

MODULE = """
import sys, time
from mcoe.capture.guarded_child import computing, run

def serve(parent, arguments):
    parent.ready()
    try:
        if arguments[0] == "numpy":
            import numpy
            numpy.ones(400_000_000)
        elif arguments[0] == "bytes":
            held = []
            while True:
                held.append(bytearray(50_000_000))
        elif arguments[0] == "compute":
            with computing(0.5):
                while True:
                    pass
        elif arguments[0] == "wait":
            with computing(0.5):
                time.sleep(1)
    except MemoryError:
        parent.failed("refused")
        return
    parent.opened({})

run(sys.argv[1:], serve)
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    (tmp_path / "eater.py").write_text(MODULE)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    children = []

    def started(what):
        children.append(GuardedChild("eater", what))
        return children[-1]

    yield started
    for child in children:
        child.close()


@pytest.mark.parametrize("how", ["numpy", "bytes"])
def test_memory_beyond_what_a_recording_needs_is_refused(start, how):
    with pytest.raises(ChildFailed, match="refused"):
        start(how).opened(60)


def test_what_computes_for_too_long_is_ended_from_the_kernel(start):
    child = start("compute")
    with pytest.raises(ChildGone):
        child.opened(60)
    assert child.exit_code() == -27  # SIGPROF


def test_waiting_is_no_computing(start):
    assert start("wait").opened(60) == {}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "more memory"),
        (RuntimeError("std::bad_alloc"), "more memory"),
        (ValueError("Unable to allocate 9.40 GiB for an array with shape (99999, 99999)"), "more memory"),
        (OSError(5, "Input/output error"), "Input/output error"),
        (KeyError("secret content"), "damaged"),
        (RecursionError("maximum recursion depth exceeded"), "damaged"),
        (McoeError("The file says so."), "The file says so."),
    ],
)
def test_a_reason_is_a_sentence_without_a_librarys_words(error, said):
    told = reason("a.raw", error)
    assert said in told
    for word in ("Error", "bad_alloc", "shape", "secret", "recursion", "Exception"):
        assert word not in told
    assert told.endswith(".")


def test_a_small_machine_with_a_hard_limit_still_opens():
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_DATA, (3 << 30, 3 << 30))\n"
        "from mcoe.capture.guarded_child import limit_memory; limit_memory()\n"
        "print(resource.getrlimit(resource.RLIMIT_DATA)[0] < 3 << 30)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
