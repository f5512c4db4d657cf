"""The fakes offer what the real libraries offer, and each backend's own ways."""

from __future__ import annotations

import contextlib
import inspect
from dataclasses import fields

import cv2
import dv_processing as dv
import neuromorphic_drivers as nd
import numpy as np
import pytest

from mcoe.capture.cameras import Support, list_cameras, open_camera
from mcoe.capture.cameras.backends.davis import DavisBackend, DavisDevice
from mcoe.capture.cameras.backends.network import NetworkBackend
from mcoe.capture.cameras.backends.prophesee import PropheseeBackend
from mcoe.capture.cameras.backends.webcam import WebcamBackend, _v4l2_names
from mcoe.capture.cameras.base import CameraSettings
from mcoe.core.errors import McoeError
from mcoe.events.packets import EVENT_DTYPE, Frame
from tests.capture.cameras.fakes import (
    EdgeEmulator,
    FakeCapture,
    FakeDavis,
    FakeDrivers,
    FakeDvCamera,
    FakeDvxplorer,
    FakeProphesee,
    FakeWebcams,
)


def public(thing):
    return [name for name, _ in inspect.getmembers(thing, callable) if not name.startswith("_")]


@pytest.mark.parametrize(("fake", "camera"), [(FakeDavis, dv.io.camera.DAVIS), (FakeDvxplorer, dv.io.camera.DVXplorer)])
def test_the_fake_inivation_cameras_have_only_what_the_real_ones_have(fake, camera):
    for name in public(fake):
        assert hasattr(camera, name), name
        if not name.startswith(("set", "get", "is")) or inspect.isclass(getattr(fake, name)):
            continue
        # pybind writes the signature into the docstring: compare the names of the arguments.
        told = getattr(camera, name).__doc__.splitlines()
        for argument in list(inspect.signature(getattr(fake, name)).parameters)[1:]:
            assert any(f"{argument}:" in line for line in told), (name, argument)
    for name in ("discover", "open"):
        assert callable(getattr(dv.io.camera, name))
    for name in ("cameraModel", "serialNumber"):
        assert hasattr(dv.io.camera.USBDevice.DeviceDescriptor, name)


def test_the_fake_prophesee_has_only_what_the_real_one_has():
    real = nd.device.Device
    for name in public(FakeProphesee):
        assert hasattr(real, name), name
    told = inspect.signature(nd.open).parameters
    for name in inspect.signature(FakeDrivers.open).parameters:
        assert name == "self" or name in told
    assert "polarity_events" in nd.Evt3Packet.__annotations__
    assert {"system_time", "ring"} <= {f.name for f in fields(nd.status.Status)}
    assert {"system_time", "dropped_packets"} <= {f.name for f in fields(nd.status.RingStatus)}


def test_the_fake_capture_has_only_what_the_real_one_has():
    for name in public(FakeCapture):
        assert hasattr(cv2.VideoCapture, name), name


def test_event_stores_come_as_our_own_type():
    assert dv.EventStore().numpy().dtype == EVENT_DTYPE


def test_a_backend_that_cannot_be_used_stays_listed_with_the_reason(monkeypatch):
    drivers = FakeDrivers()
    drivers.fails = RuntimeError("Other error")
    (listed,) = PropheseeBackend(drivers).find()
    assert not listed.available
    assert "Other error" in listed.reason
    monkeypatch.setitem(__import__("sys").modules, "neuromorphic_drivers", None)
    (listed,) = PropheseeBackend().find()
    assert "pip install neuromorphic-drivers" in listed.reason
    with pytest.raises(McoeError, match="pip install"):
        open_camera("prophesee")


def test_what_is_plugged_in_is_listed_by_name_and_serial():
    (davis,) = DavisBackend(FakeDvCamera()).find()
    assert (davis.name, davis.serial, davis.available, davis.reason) == ("DAVIS", "00000336", True, None)
    (evk4,) = PropheseeBackend(FakeDrivers()).find()
    assert (evk4.name, evk4.serial) == ("Prophesee EVK4", "00051500")


def test_every_backend_is_listed_on_a_computer_without_cameras():
    assert [c.backend for c in list_cameras()][:1] == ["davis"]
    assert {c.backend for c in list_cameras()} == {"davis", "prophesee", "webcam", "network"}
    assert all(c.available or c.reason for c in list_cameras())


@pytest.mark.parametrize("backend", [DavisBackend(FakeDvCamera()), PropheseeBackend(FakeDrivers())])
def test_an_unknown_serial_is_named_with_what_is_there(backend):
    with pytest.raises(McoeError, match=r"serial 77 is plugged in \(found: 000"):
        backend.open("77", CameraSettings())


@pytest.mark.parametrize("spec", ["dvs", "", "udp://localhost:1", "tcp://localhost", "tcp://:7", "tcp://h:99999999"])
def test_a_camera_that_does_not_exist_is_refused(spec):
    with pytest.raises(McoeError):
        open_camera(spec)


def test_an_unknown_sensitivity_is_refused():
    with pytest.raises(McoeError, match="very high"):
        CameraSettings(sensitivity="huge")


@pytest.mark.parametrize(("sensitivity", "order"), [("very low", 1), ("very high", -1)])
def test_a_preset_moves_the_davis_thresholds_apart_or_together(sensitivity, order):
    hardware = FakeDvCamera()
    device = DavisBackend(hardware).open(None, CameraSettings())
    on, off = FakeDavis.Davis346BiasCF.On, FakeDavis.Davis346BiasCF.Off
    before = dict(hardware.state["biases"])
    device.apply(CameraSettings(sensitivity=sensitivity))
    after = hardware.state["biases"]
    assert np.sign(after[on][1] - before[on][1]) == order
    assert np.sign(after[off][1] - before[off][1]) == -order
    device.apply(CameraSettings(sensitivity="default"))
    assert hardware.state["biases"] == before


@pytest.mark.parametrize(("sensitivity", "sign"), [("very low", 1), ("very high", -1)])
def test_a_preset_moves_the_prophesee_biases_within_their_bounds(sensitivity, sign):
    drivers = FakeDrivers()
    device = PropheseeBackend(drivers).open(None, CameraSettings())
    device.apply(CameraSettings(sensitivity=sensitivity))
    biases = drivers.configuration.biases
    assert np.sign([biases.diff_on, biases.diff_off]).tolist() == [sign, sign]
    assert -35 <= biases.diff_off <= 190


def test_absolute_prophesee_biases_keep_their_order():
    for module in (nd.prophesee_evk3_hd, nd.centuryarks_vga):
        from mcoe.capture.cameras.backends.prophesee import PropheseeDevice

        device = PropheseeDevice.__new__(PropheseeDevice)
        device._module, device._bounds = module, module.BiasesBounds()
        low, high = device._biases("very low"), device._biases("very high")
        assert low.diff_off < high.diff_off < high.diff < high.diff_on < low.diff_on
        module.Configuration(biases=low).serialize()


def test_a_dvxplorer_has_no_frames_but_thresholds_in_steps():
    camera = FakeDvxplorer()
    device = DavisDevice(camera)
    assert device.size == (640, 480)
    assert (device.capabilities.frames, device.capabilities.exposure) == (Support.NO, Support.NO)
    assert device.capabilities.biases is Support.YES
    told = device.apply(CameraSettings(sensitivity="very low", roi=(1, 2, 300, 200), exposure_us=5, fps=20.0))
    assert camera.thresholds == [13, 12]
    assert told == CameraSettings(sensitivity="very low", roi=(1, 2, 300, 200))
    device.apply(CameraSettings(sensitivity="high"))
    assert camera.thresholds == [7, 6]


def test_a_cropped_davis_frame_stays_where_it_lies_on_the_sensor():
    device = DavisBackend(FakeDvCamera()).open(None, CameraSettings())
    image = np.full((80, 100), 7, np.uint8)
    frame = device._frame(dv.Frame(1000, 500, 10, 20, image, dv.FrameSource.SENSOR))
    assert frame.image.shape == (260, 346)
    assert (frame.start_us, frame.end_us) == (1000, 1500)
    assert (frame.image[20:100, 10:110] == 7).all()
    assert frame.image.sum() == 7 * 80 * 100


def test_colour_frames_come_red_first():
    device = DavisBackend(FakeDvCamera()).open(None, CameraSettings())
    bgr = np.zeros((260, 346, 3), np.uint8)
    bgr[..., 0] = 200
    assert device._frame(dv.Frame(0, 1, 0, 0, bgr, dv.FrameSource.SENSOR)).image[0, 0].tolist() == [0, 0, 200]
    device = WebcamBackend(False, FakeWebcams()).open("0", CameraSettings())
    (arrival,) = device.poll(0)
    assert sorted(map(tuple, np.unique(arrival.packet.image.reshape(-1, 3), axis=0).tolist())) == [
        (0, 0, 0),
        (50, 100, 200),
    ]


@pytest.mark.parametrize("obeys", [True, False])
def test_a_webcam_exposure_counts_as_set_only_if_it_can_be_read_back(obeys):
    device = WebcamBackend(False, FakeWebcams(obeys)).open("0", CameraSettings())
    assert device.capabilities.exposure is Support.UNKNOWN
    told = device.apply(CameraSettings(exposure_us=8000, auto_exposure=False))
    assert device.capabilities.exposure is (Support.YES if obeys else Support.NO)
    assert told.exposure_us == (8000 if obeys else None)


def test_a_webcam_tells_the_size_it_really_sends():
    hardware = FakeWebcams(size=(320, 240))
    device = WebcamBackend(True, hardware, EdgeEmulator).open("0", CameraSettings(size=(1280, 720)))
    assert hardware.asked[cv2.CAP_PROP_FRAME_WIDTH] == 1280
    assert device.size == (320, 240)
    assert device.apply(CameraSettings()).size == (320, 240)


def test_a_webcam_frame_bears_the_kernels_stamp():
    device = WebcamBackend(False, FakeWebcams()).open("0", CameraSettings())
    (arrival,) = device.poll(0)
    assert isinstance(arrival.packet, Frame)
    assert 0 <= arrival.host_us - arrival.packet.end_us < 1_000_000
    assert device.capabilities.hardware_time is Support.YES


def test_emulated_events_end_no_later_than_their_frame():
    device = WebcamBackend(True, FakeWebcams(), EdgeEmulator).open("0", CameraSettings())
    device.poll(0)
    events, frame = (a.packet for a in device.poll(0))
    assert events["timestamp"][-1] <= frame.end_us


def test_the_real_emulator_follows_a_moving_bar_and_survives_a_repeated_stamp():
    device = WebcamBackend(True, FakeWebcams()).open("0", CameraSettings())
    packets = [a.packet for _ in range(5) for a in device.poll(0)]
    frames = [p for p in packets if isinstance(p, Frame)]
    events = [p for p in packets if not isinstance(p, Frame)]
    assert len(frames) == 5
    assert len(events) == 4
    assert all(before.end_us <= e["timestamp"][0] for before, e in zip(frames, events, strict=False))
    device._stamp = lambda arrived: frames[-1].end_us
    (repeated,) = device.poll(0)
    assert isinstance(repeated.packet, Frame)


def test_linux_webcams_are_listed_by_name_without_their_metadata_nodes(tmp_path):
    for node, index, name in (("video0", "0", "Cam A"), ("video1", "1", "Cam A"), ("video10", "0", "Cam B")):
        (tmp_path / node).mkdir()
        (tmp_path / node / "index").write_text(index + "\n")
        (tmp_path / node / "name").write_text(name + "\n")
    assert _v4l2_names(tmp_path) == {0: "Cam A", 10: "Cam B"}
    assert _v4l2_names(tmp_path / "missing") == {}


def test_a_silent_server_is_given_up_and_nothing_is_left_behind():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(McoeError, match=r"silent for 0\.5 s"):
            NetworkBackend(connect_s=0.5).open(address, CameraSettings())


def test_a_server_that_talks_nonsense_is_refused():
    import socket
    import threading

    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk():
            with contextlib.suppress(OSError), server.accept()[0] as link:
                link.sendall(b"HTTP/1.1 200 OK\r\n\r\n" * 1000)

        thread = threading.Thread(target=talk)
        thread.start()
        with pytest.raises(McoeError):
            NetworkBackend(connect_s=2).open(f"tcp://127.0.0.1:{server.getsockname()[1]}", CameraSettings())
        thread.join()
