"""The guarded child that decodes a recording: whatever it does, its parent goes on and nothing is left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mcoe.capture import guarded_child
from mcoe.capture.replay import open_replay
from mcoe.core.errors import McoeError
from mcoe.events.packets import Frame, packet_end_us
from tests.capture.files.test_aedat4 import STREET, read_all
from tests.capture.material import synthetic_packets, write_aedat4

#: A byte in one of STREET's LZ4 event blocks; inverted, dv-processing 2.0.4 never returns from the block.
LOOP_BYTE = 531_378


def assert_gone(source):
    assert source._child.exit_code(0) is not None


def test_a_decoder_that_takes_memory_for_ever_is_stopped(tmp_path):
    path = tmp_path / "loop.aedat4"
    path.write_bytes(b"#!AER-DAT4.0\r\n" + b"\xff" * 2_000)
    with pytest.raises(McoeError, match="header cannot be read"):
        open_replay(path)


def test_a_decoder_that_loops_in_the_middle_is_stopped_and_another_goes_on_behind_the_damage(shared, tmp_path):
    content = bytearray((shared / STREET).read_bytes())
    content[LOOP_BYTE] ^= 0xFF
    path = tmp_path / "loop.aedat4"
    path.write_bytes(content)
    with open_replay(path, deadline_s=2) as source:
        packets = read_all(source)
        assert source.dropped_events > 0
        again = (source.seek(source.info.start_us), read_all(source))[1]
    events = sum(len(p) for p in packets if not isinstance(p, Frame))
    assert 0.9 * 78_830 < events < 78_830
    assert sum(isinstance(p, Frame) for p in packets) == 59
    ends = [packet_end_us(p) for p in packets]
    assert ends == sorted(ends)
    assert len(again) == len(packets)


def test_a_decoder_that_dies_is_reported(small_aedat4):
    source = open_replay(small_aedat4)
    os.kill(source._child.pid, signal.SIGKILL)
    with pytest.raises(McoeError, match="made its decoder die"):
        read_all(source)
    source.close()


def test_a_decoder_that_freezes_is_stopped(small_aedat4):
    source = open_replay(small_aedat4, deadline_s=0.5)
    os.kill(source._child.pid, signal.SIGSTOP)
    with pytest.raises(McoeError, match="did not answer for 3 s; the computer or the disk may be busy"):
        read_all(source)
    source.close()
    assert_gone(source)


@pytest.mark.parametrize(("loop", "by"), [("sum(range(1 << 60))", "SIGPROF"), ("time.sleep(1 << 20)", "SIGALRM")])
def test_the_child_ends_itself_when_its_parent_cannot(loop, by):
    """The parent dies while the decoder computes with the GIL held, or sleeps: nobody is left to kill it."""
    code = (
        "import socket, sys, time, types; from mcoe.capture import guarded_child, replay_child\n"
        "from mcoe.capture.files import Format\n"
        "guarded_child.ORPHAN_MARGIN_S = 0\n"
        f"form = types.SimpleNamespace(FORMAT=Format('Loops'), open_file=lambda path: {loop})\n"
        "sys.modules['mcoe.capture.files.loops'] = form\n"
        "ours, theirs = socket.socketpair()\n"
        "replay_child.serve(guarded_child.ParentLink(theirs), ['loops', 'a', '0.2'])"
    )
    assert guarded_child.ORPHAN_MARGIN_S > 0
    child = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], timeout=60, check=False)
    assert child.returncode == -getattr(signal, by)


def test_the_child_ends_when_the_parent_does(small_aedat4):
    code = (
        "import os, sys; from mcoe.capture.replay import open_replay\n"
        "source = open_replay(sys.argv[1]); print(source._child.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    parent = subprocess.run(
        [sys.executable, "-c", code, small_aedat4], cwd=Path(__file__).parents[2], capture_output=True, check=False
    )
    pid = int(parent.stdout)
    give_up = time.monotonic() + 30
    while _runs(pid) and time.monotonic() < give_up:
        time.sleep(0.02)
    assert not _runs(pid)


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_closing_wakes_a_reader_and_leaves_no_child(small_aedat4):
    source = open_replay(small_aedat4)
    os.kill(source._child.pid, signal.SIGSTOP)
    got = []
    reader = threading.Thread(target=lambda: got.extend(read_all(source)))
    reader.start()
    source.close()
    reader.join(10)
    assert not reader.is_alive()
    source.close()
    assert_gone(source)
    assert source.read() is None
    source.seek(0)


def test_the_main_script_is_not_imported_again(small_aedat4, tmp_path):
    """A script without a __main__ guard, beside a file that is named like a module of the standard library."""
    (tmp_path / "types.py").write_text("raise ImportError('another one was looked for')\n")
    script = tmp_path / "program.py"
    script.write_text(
        "print('main runs')\n"
        "from mcoe.capture.replay import open_replay\n"
        f"source = open_replay({str(small_aedat4)!r})\n"
        "print(source.read() is not None)\n"
        "source.close()\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, script],
        env={**os.environ, "PYTHONPATH": str(root)},
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert done.stdout.split() == [b"main", b"runs", b"True"]


def test_a_busy_computer_is_no_damaged_file(small_aedat4):
    """The decoder stands still for longer than it may compute, as when others have the processor."""
    source = open_replay(small_aedat4, deadline_s=1)
    os.kill(source._child.pid, signal.SIGSTOP)
    threading.Timer(2.5, os.kill, (source._child.pid, signal.SIGCONT)).start()
    assert len(read_all(source)) == 13 + 50
    source.close()


def test_a_packet_that_unpacks_to_gigabytes_ends_in_a_sentence(tmp_path):
    """ZSTD packs a run of one byte to nothing: a few kB ask for all the memory there is."""
    pyarrow = pytest.importorskip("pyarrow")
    whole = write_aedat4(tmp_path / "small.aedat4", synthetic_packets(frames=False), frames=False, compression="zstd")
    content = bytearray(whole.read_bytes())
    at = 14 + 4 + int.from_bytes(content[14:18], "little")
    bomb = pyarrow.Codec("zstd").compress(bytes(3 << 30)).to_pybytes()
    path = tmp_path / "bomb.aedat4"
    path.write_bytes(bytes(content[:at]) + (0).to_bytes(4, "little") + len(bomb).to_bytes(4, "little") + bomb)
    with pytest.raises(McoeError, match=r"more memory than a recording should|damaged|cut short"):
        open_replay(path).read()
