"""The table of camera kinds: found by looking, and all that a new kind has to be put into."""

import contextlib
import sys

import pytest

from mcoe.capture.cameras import CameraSpec, camera_kinds, list_cameras, open_camera
from mcoe.capture.cameras import backends as backends_package
from mcoe.capture.cameras.base import CameraKind
from mcoe.capture.cameras.kinds import frame_kind, kind_of
from mcoe.core.discovery import public_modules
from mcoe.core.errors import McoeError
from tests.capture.cameras.test_contract import check_order, packets

#: Two kinds in two files, as anybody would add one: a camera of ticks, found by serial, and the same over an address.
TICKS = '''
"""A camera that ticks."""

import time

from mcoe.capture.cameras.base import (
    Address, Arrival, CameraKind, CameraListing, CameraSettings, Capabilities, Support, host_now_us
)
from mcoe.core.errors import McoeError
from mcoe.events.packets import make_events

CAN = Capabilities(frames=Support.NO, events=Support.YES)


class Ticks:
    name, capabilities = "ticks", CAN

    def find(self):
        return [CameraListing(self.name, "Tick camera", serial, True, None, CAN) for serial in ("T1", "T2")]

    def open(self, serial, settings):
        return Device(serial or "T1")


class Device:
    size, capabilities, in_order, dropped = (4, 4), CAN, True, 0

    def __init__(self, serial):
        self.serial, self.name = serial, f"Tick camera {serial}"

    def apply(self, settings):
        return CameraSettings()

    def poll(self, timeout_s):
        time.sleep(0.001)
        return [Arrival(make_events([host_now_us()], [1], [2], [1]), host_now_us())]

    def close(self): ...


KIND = CameraKind("ticks", CAN, Ticks)
'''
OVER_ADDRESS = '''
"""The camera that ticks, far away."""

from mcoe.capture.cameras.backends.ticks import CAN, Address, CameraKind, CameraListing, Device, McoeError


def check(address):
    if not address.removeprefix("tick://").isdecimal():
        raise McoeError(f"{address} is no tick address; write tick://NUMBER.")


class Far:
    name, capabilities = "far ticks", CAN

    def find(self):
        return [CameraListing(self.name, "Tick stream", None, False, "name it", CAN)]

    def open(self, serial, settings):
        check(serial)
        return Device(serial)


KIND = CameraKind("far ticks", CAN, Far, Address("tick://NUMBER", "tick://7", "a tick server", check))
'''


@pytest.fixture
def toys(tmp_path, monkeypatch):
    """Two modules in the package that nothing else knows of."""
    (tmp_path / "ticks.py").write_text(TICKS)
    (tmp_path / "far.py").write_text(OVER_ADDRESS)
    monkeypatch.setattr(backends_package, "__path__", [*backends_package.__path__, str(tmp_path)])
    yield
    for name in ("ticks", "far"):
        sys.modules.pop(f"mcoe.capture.cameras.backends.{name}", None)
        if hasattr(backends_package, name):
            delattr(backends_package, name)


@pytest.mark.usefixtures("toys")
def test_a_module_in_the_package_is_all_that_a_camera_takes():
    found = {(camera.backend, camera.serial): camera for camera in list_cameras()}
    assert {("ticks", "T1"), ("ticks", "T2"), ("far ticks", None)} <= set(found)
    with pytest.raises(McoeError, match=r"davis, prophesee, ticks, webcam, tick://NUMBER, tcp://HOST:PORT"):
        open_camera("none such")
    spec = CameraSpec.of(found["ticks", "T2"])
    assert CameraSpec.parse(spec.path) == spec == CameraSpec("ticks", "T2")
    assert spec.words == "ticks camera T2"
    spec.check()
    with open_camera(spec.name, serial=spec.serial) as camera:
        assert camera.info.name == "Tick camera T2"
        check_order(packets(camera, 5))


@pytest.mark.usefixtures("toys")
def test_nor_does_a_camera_behind_an_address_take_more():
    (listing,) = (camera for camera in list_cameras() if camera.backend == "far ticks")
    spec = CameraSpec.of(listing, " tick://9 ", rgb="1")
    assert spec == CameraSpec("tick://9", None, "1")
    assert CameraSpec.parse("tick://9") == CameraSpec("tick://9")
    assert spec.words == "tick://9 and webcam 1"
    with pytest.raises(McoeError, match="write tick://NUMBER"):
        CameraSpec("tick://nine").check()
    with open_camera("tick://9") as camera:
        assert camera.info.name == "Tick camera tick://9"
        check_order(packets(camera, 5))


def test_every_kind_states_itself():
    kinds = camera_kinds()
    assert list(kinds) == ["davis", "prophesee", "webcam", "network"]
    for module in public_modules("mcoe.capture.cameras.backends"):
        kind = module.KIND
        assert isinstance(kind, CameraKind)
        backend = kind.backend()
        assert (backend.name, backend.capabilities) == (kind.name, kind.capabilities)
        if kind.address is not None:
            kind.address.check(kind.address.example)
            assert kind_of(kind.address.example) is kind
            assert not kind.numbered
    assert [kind for kind in kinds.values() if kind.beside is not None] == [frame_kind()] == [kinds["webcam"]]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (CameraSpec("davis"), "davis camera"),
        (CameraSpec("prophesee", "00051500", "1"), "prophesee camera 00051500 and webcam 1"),
        (CameraSpec("webcam"), "webcam 0"),
        (CameraSpec("webcam", rgb="2"), "webcam 2"),
        (CameraSpec("tcp://10.0.0.7:7777"), "tcp://10.0.0.7:7777"),
    ],
)
def test_a_name_is_one_string_and_is_put_in_words(spec, words):
    assert CameraSpec.parse(spec.path) == spec
    assert spec.words == words
    spec.check()
    for path in ("recording.aedat4", "/data/tcp/file", "udp://localhost:1"):
        assert CameraSpec.parse(path) is None


@pytest.mark.parametrize("name", ["network", "tcp://nowhere", "udp://localhost:1"])
def test_a_name_that_means_no_camera_is_told(name):
    with pytest.raises(McoeError, match=name), contextlib.closing(open_camera(name)):
        pass
    with pytest.raises(McoeError, match=name):
        CameraSpec(name).check()
