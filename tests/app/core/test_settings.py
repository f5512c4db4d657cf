"""Settings: kept and read back; a file that cannot be used is set aside with one sentence, and the program starts."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import asdict
from pathlib import Path

import pytest

from app.core import settings as module
from app.core.settings import DEFAULTS, MOST_RECENT, MOST_VIEWS, VERSION, Arrangement, Settings, seal, unseal
from app.shell.window import MainWindow
from mcoe.core.device import DEVICES
from mcoe.live.engine.backbones import BACKBONES

#: Something else than the default for every value.
OTHER = {
    "device": "cpu", "backbone": "torch", "stride": 6, "smoothing_s": 1.5, "filter_on": True, "filter_ms": 4.5,
    "overlay": False, "heatmap_opacity": 40, "heatmap_layer": "stage3", "weighted_votes": True, "layout": "Explain",
    "geometry": seal(b"geometry"), "folders": {"open": "/recordings"}, "recent": ("/b.aedat4", "/a.aedat4"),
    "views": {"EVK4": (1, 2, 30, True)},
    "arrangements": {"Explain": Arrangement(seal(b"state"), {"camera": (0.25, 0.5)}, ("camera", "voxels"))},
}  # fmt: skip


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config" / "settings.json"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def keep(path, **values):
    write(path, json.dumps({"version": VERSION} | values))


def aside(path):
    return sorted(each.name for each in path.parent.glob("settings.json.*"))


def starts(path, maker, qtbot):
    """Start the program's window with this file, as :func:`app.shell.application.run` does; return it."""
    window = MainWindow(maker, Settings(path))
    qtbot.addWidget(window)
    window.resize(1280, 800)
    window.restore()
    window.show()
    return window


def test_every_value_is_kept_and_read_back(path, qapp):
    settings = Settings(path)
    assert (settings.values, settings.trouble) == (DEFAULTS, "")
    assert set(OTHER) == set(asdict(DEFAULTS))
    settings.update(**OTHER)
    settings.save()
    again = Settings(path)
    assert again.trouble == ""
    assert again.values == settings.values
    for name, value in OTHER.items():
        assert getattr(again.values, name) == value != getattr(DEFAULTS, name)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["settings.json"]


def test_the_choices_are_those_of_the_program():
    assert tuple(module.ENGINES) == tuple(BACKBONES)
    assert DEFAULTS.device in DEVICES


def test_nothing_is_written_before_something_is_kept(path, qapp):
    Settings(path).save()
    assert not path.parent.exists()


def test_changes_are_told_gathered_and_written_soon(path, qtbot):
    settings = Settings(path)
    told = []
    settings.changed.connect(told.append)
    for opacity in (10, 20, 30):
        settings.update(heatmap_opacity=opacity)
    settings.update(heatmap_opacity=30)
    assert [values.heatmap_opacity for values in told] == [10, 20, 30]
    assert not path.exists()
    qtbot.waitUntil(path.exists)
    assert json.loads(path.read_text())["heatmap_opacity"] == 30


def test_folders_are_kept_by_kind(path, qapp):
    settings = Settings(path)
    assert settings.folder("open", Path("/home")) == Path("/home")
    settings.keep_folder("open", Path("/recordings"))
    settings.keep_folder("export", Path("/films"))
    assert [settings.folder(kind, Path("/")) for kind in ("open", "export")] == [Path("/recordings"), Path("/films")]


def test_lists_have_an_end(path, qapp):
    views = {f"camera {number}": [0, 0, 10, False] for number in range(MOST_VIEWS + 5)}
    keep(path, recent=[f"{number}.aedat4" for number in range(MOST_RECENT + 5)], views=views)
    values = Settings(path).values
    assert values.recent == tuple(f"{number}.aedat4" for number in range(MOST_RECENT))
    assert list(values.views) == list(views)[5:]


@pytest.mark.parametrize(
    ("name", "value"),
    [("device", "abacus"), ("device", ["cpu"]), ("backbone", 3), ("stride", "often"), ("stride", -1), ("stride", 1.5),
     ("stride", True), ("smoothing_s", -1), ("smoothing_s", float("nan")), ("smoothing_s", float("inf")),
     ("filter_ms", 10**400), ("filter_ms", None), ("filter_on", 1), ("overlay", "no"), ("heatmap_opacity", 101),
     ("heatmap_layer", "stage9"), ("weighted_votes", None), ("layout", 5), ("geometry", 5), ("geometry", "\ud800"),
     ("geometry", "ä"), ("geometry", "5"), ("geometry", "AdnQywAD"),
     ("arrangements", 5), ("arrangements", {"Demo": 5}), ("arrangements", []),
     ("arrangements", {"Demo": {"state": "", "shares": {"camera": [0.5]}, "shown": []}}),
     ("arrangements", {"Demo": {"state": "", "shares": {"camera": [10**400, 1]}, "shown": []}}),
     ("arrangements", {"Demo": {"state": "", "shares": {"camera": [-1, float("nan")]}, "shown": []}}),
     ("arrangements", {"Demo": {"state": "\ud800", "shares": {}, "shown": []}}),
     ("folders", []), ("folders", {"open": None}), ("folders", {"open": "/a\0b"}), ("recent", "a.aedat4"),
     ("recent", [5]), ("recent", ["\0"]), ("views", {"EVK4": "{"}), ("views", {"EVK4": [1]}),
     ("views", {"EVK4": [1.5, 2, 3, False]}), ("views", {"EVK4": [1, 2, -3, False]}), ("views", {"EVK4": [1, 2, 3, 4]}),
     ("views", 3)],
)  # fmt: skip
def test_a_value_that_makes_no_sense_is_its_default_and_told_and_the_others_stay(path, maker, qtbot, name, value):
    other = "stride" if name != "stride" else "heatmap_opacity"
    keep(path, **{other: 9, name: value})
    before = path.read_bytes()
    window = starts(path, maker, qtbot)
    settings = window.settings
    if name != "arrangements":  # the window has noted how it stands by now
        assert getattr(settings.values, name) == getattr(DEFAULTS, name)
    assert getattr(settings.values, other) == 9
    assert name in window.notice.text()
    assert window.notice.text().count(". ") == 0, "one sentence"
    assert aside(path) == ["settings.json.unusable"]
    assert path.with_name("settings.json.unusable").read_bytes() == before
    window.close()
    again = Settings(path)
    assert (again.trouble, getattr(again.values, other)) == ("", 9)


def test_a_name_that_is_no_unicode_is_kept_and_the_next_run_starts(path, maker, qtbot):
    """Of a file from the command line, whose bytes are no UTF-8; Python carries them as surrogates."""
    name = "/recordings/caf\udce9.aedat4"
    window = starts(path, maker, qtbot)
    window.stream.open(name)
    qtbot.waitUntil(lambda: window.stream.pipeline is not None)
    window.close()
    again = starts(path, maker, qtbot)
    assert again.settings.trouble == ""
    assert again.settings.values.recent == (name,)


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "damaged"), (b"{", "damaged"), (b"[]", "damaged"), (b"null", "damaged"), (b"{}", "damaged"),
     (b'{"version": "1"}', "damaged"), (b"[" * 100_000, "damaged"), (b"\xff\xfe\x00", "no text"),
     (b'\xef\xbb\xbf{"version": 1}', "damaged"), (b'{"version": 1' + b"0" * 5000 + b"}", "damaged"),
     (json.dumps({"version": VERSION + 1, "stride": 9}).encode(), "another version"),
     (b"[General]\ngeometry=5\n", "damaged")],
    ids=lambda value: None if isinstance(value, str) else repr(value[:20]),
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_set_aside_whole_and_the_program_starts(path, maker, qtbot, content, why):
    """The last is what kept the old program from starting: its window's geometry was a number."""
    write(path, content)
    window = starts(path, maker, qtbot)
    assert why in window.notice.text()
    assert str(path.with_name("settings.json.unusable")) in window.notice.text()
    assert path.with_name("settings.json.unusable").read_bytes() == content
    assert window.settings.values.stride == DEFAULTS.stride
    window.close()
    assert Settings(path).trouble == ""


def test_a_state_that_was_altered_is_no_state():
    state = bytes(range(256))
    words = seal(state)
    assert unseal(words) == state
    for at in range(len(words)):
        assert unseal(words[:at] + ("B" if words[at] != "B" else "C") + words[at + 1 :]) == b""
        assert unseal(words[:at]) == b""


@pytest.mark.parametrize("layout", ["Demo", "Explain", "Lighting"])
def test_an_altered_layout_is_left_out_before_qt_sees_it(path, maker, qtbot, layout):
    window = starts(path, maker, qtbot)
    window.show_layout(layout)
    window.close()
    kept = json.loads(path.read_text())
    state = bytearray(unseal(kept["arrangements"][layout]["state"]))
    state[len(state) // 2 :] = bytes(255 - byte for byte in state[len(state) // 2 :])
    kept["arrangements"][layout]["state"] = b64encode(state).decode() + kept["arrangements"][layout]["state"][-9:]
    path.write_text(json.dumps(kept))
    again = starts(path, maker, qtbot)
    assert "arrangements" in again.notice.text()
    assert again.board.layout_name == layout


def test_layouts_and_geometry_come_back(path, maker, qtbot):
    window = starts(path, maker, qtbot)
    window.show_layout("Explain")
    window.resize(1400, 900)
    window.board.docks["voxels"].hide()
    window.close()
    again = starts(path, maker, qtbot)
    assert again.settings.trouble == ""
    assert again.size() == window.size()
    assert again.board.layout_name == "Explain"
    assert again.board.docks["voxels"].isHidden()


def test_what_was_set_aside_before_is_not_overwritten(path, qapp):
    for number in range(3):
        write(path, f"damaged {number}")
        assert Settings(path).trouble
    assert aside(path) == [f"settings.json.unusable{end}" for end in ("", "-2", "-3")]
    assert path.with_name("settings.json.unusable").read_text() == "damaged 0"


def block(path, how):
    path.parent.mkdir(parents=True, exist_ok=True)
    if how == "a folder":
        path.mkdir()
    elif how == "a file above":
        path.parent.rmdir()
        path.parent.write_text("a file in the folder's place")
    elif how == "a loop":
        path.symlink_to(path)


@pytest.mark.parametrize("how", ["a folder", "a file above", "a loop"])
def test_whatever_lies_in_the_files_place_the_program_starts(path, maker, qtbot, how):
    block(path, how)
    window = starts(path, maker, qtbot)
    assert "The settings" in window.notice.text()
    window.settings.update(stride=9)
    window.close()
    assert window.settings.values.stride == 9


@pytest.mark.parametrize("what", ["read_text", "exists", "rename", "mkdir"])
def test_a_file_that_may_not_be_touched_stops_nothing(path, maker, qtbot, monkeypatch, caplog, what):
    write(path, "damaged")

    def refuse(self, *args, **options):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, what, refuse)
    window = starts(path, maker, qtbot)
    assert "The settings" in window.notice.text()
    window.settings.update(stride=9)
    window.close()
    if what == "mkdir":
        assert "nothing set now will be there next time" in caplog.text


def test_a_full_disk_is_logged_once_and_the_old_file_stays(path, qapp, monkeypatch, caplog):
    keep(path, stride=9)
    before = path.read_bytes()
    settings = Settings(path)

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_json", full)
    for stride in (1, 2):
        settings.update(stride=stride)
        settings.save()
    assert len(caplog.records) == 1
    assert path.read_bytes() == before
