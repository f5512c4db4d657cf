"""The table of formats: found by looking, cheap to look at, and all that a new format has to be put into."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mcoe.capture.files import Format, dialog_filter, extensions, format_of, formats
from mcoe.capture.replay import open_replay
from mcoe.core.discovery import public_modules
from tests.capture import evt
from tests.capture.files.test_prophesee import bursts

ROOT = Path(__file__).parents[3]

TOY = '''
"""A recording format of lines "time x y"."""

import numpy as np

from mcoe.capture.files import Format
from mcoe.capture.source import SourceInfo
from mcoe.core.errors import McoeError
from mcoe.events.packets import make_events

FORMAT = Format(title="Toy", suffixes=(".toy",), recognises=lambda head: head.startswith(b"toy "))


def open_file(path):
    return Toy(path)


class Toy:
    dropped_frames = dropped_events = 0

    def __init__(self, path):
        lines = path.read_text().splitlines()[1:]
        if not lines:
            raise McoeError(f"{path} holds no lines; write some.")
        self._t, self._x, self._y = np.array([line.split() for line in lines], int).T
        self.info = SourceInfo(path.name, (9, 9), False, True, False, int(self._t[0]), int(np.ptp(self._t)))
        self.seek(0)

    def read(self):
        if self._next == len(self._t):
            return None
        at = slice(self._next, self._next + 1)
        self._next += 1
        return make_events(self._t[at], self._x[at], self._y[at], [1])

    def seek(self, time_us):
        self._next = int(np.searchsorted(self._t, time_us))
'''

PROGRAM = """
import sys
from pathlib import Path

import mcoe.capture.files
from mcoe.capture.files import dialog_filter, extensions
from mcoe.capture.replay import open_replay
from mcoe.core.errors import McoeError
from mcoe.recording.preview import preview, recordings

folder = Path(sys.argv[1])
assert Path(mcoe.capture.files.__file__).is_relative_to(folder), "the installed package, not the one with the toy"
assert ".toy" in extensions()
assert "*.toy" in dialog_filter().partition(";;")[0]
assert "Toy (*.toy)" in dialog_filter().split(";;")
data = folder / "data"
assert [path.name for path in recordings(data)] == ["a.toy", "empty.toy"]
assert preview(data / "a.toy").duration_us == 20
for name in ("a.toy", "by its first bytes"):
    with open_replay(data / name) as source:
        assert source.info.size == (9, 9)
        assert [int(packet["timestamp"][0]) for packet in source] == [10, 20, 30]
        source.seek(20)
        assert [int(packet["x"][0]) for packet in source] == [2, 3]
try:
    open_replay(data / "empty.toy")
except McoeError as error:
    assert "holds no lines" in str(error)
print("seen everywhere")
"""


def test_a_module_in_the_package_is_all_that_a_format_takes(tmp_path):
    """A toy format, in a copy of the package: it is listed, shown in dialogs and folders, and played by the child."""
    shutil.copytree(ROOT / "mcoe", tmp_path / "mcoe", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "mcoe" / "capture" / "files" / "toy.py").write_text(TOY)
    data = tmp_path / "data"
    data.mkdir()
    for name in ("a.toy", "by its first bytes"):
        (data / name).write_text("toy 1\n10 1 0\n20 2 0\n30 3 0\n")
    (data / "empty.toy").write_text("toy 1\n")
    command = [sys.executable, "-c", PROGRAM, tmp_path]
    done = subprocess.run(command, cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True, check=False)
    assert done.stdout == "seen everywhere\n", done.stderr


def test_looking_at_the_formats_imports_no_decoder():
    code = (
        "import sys; from mcoe.capture.replay import open_replay; from mcoe.capture.files import formats\n"
        "assert len(formats()) > 4\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"cv2", "dv_processing", "numba", "torch"} & set(done.stdout.split())


def test_every_format_states_itself():
    stated = formats()
    assert {"aedat4", "folder", "prophesee_dat", "prophesee_raw", "video"} <= set(stated)
    titles = [form.title for form in stated.values()]
    assert len(set(titles)) == len(titles)
    for module in public_modules("mcoe.capture.files"):
        form = module.FORMAT
        assert isinstance(form, Format)
        assert callable(module.open_file)
        assert form.folders or form.suffixes
        assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in form.suffixes)


def test_the_dialog_shows_whatever_can_be_opened():
    first, *_, last = dialog_filter().split(";;")
    assert first == f"Recordings ({' '.join('*' + suffix for suffix in extensions())})"
    assert {".aedat4", ".raw", ".dat", ".mp4", ".webm", ".m4v"} <= set(extensions())
    assert last == "All files (*)"


@pytest.mark.parametrize("kind", list(evt.ENCODERS))
def test_the_first_bytes_count_more_than_the_name(tmp_path, kind):
    for name in ("recording", "recording.mp4", "recording.raw", "recording.dat"):
        path = evt.write(tmp_path / name, kind, bursts())
        assert format_of(path) == ("prophesee_dat" if kind == "dat" else "prophesee_raw")
    with open_replay(tmp_path / "recording.mp4") as source:
        assert source.read() is not None
