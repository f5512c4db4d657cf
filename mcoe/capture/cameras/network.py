"""A dv-processing network stream (``tcp://HOST:PORT``): any iniVation program can be the camera."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
from dataclasses import replace
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from mcoe.capture.cameras.base import (
    Arrival,
    CameraListing,
    CameraSettings,
    Capabilities,
    DeviceLost,
    Support,
    host_now_us,
)
from mcoe.capture.decode import HEADER
from mcoe.core.errors import McoeError
from mcoe.events.packets import EVENT_DTYPE, Frame

CAPABILITIES = Capabilities(exposure=Support.NO, biases=Support.NO, roi=Support.NO, hardware_time=Support.YES)
#: How long a server may take to say what it streams, s.
CONNECT_S = 5.0
#: How long the child may take to start and import its libraries, s.
START_S = 60.0
#: How long the rest of a message that has begun may take, s.
_REST_S = 5.0
#: Messages taken in one poll at most, so that settings and close are never starved.
_MESSAGES = 64


class NetworkBackend:
    """Connects to one server.

    Args:
        address: ``tcp://HOST:PORT``.
        connect_s: how long the server may take to say what it streams, seconds.

    Raises:
        McoeError: the address is malformed.
    """

    name = "network"
    capabilities = CAPABILITIES

    def __init__(self, address: str, connect_s: float = CONNECT_S) -> None:
        self.address, self._connect_s = address, connect_s
        parts = urlsplit(address)
        try:
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if parts.scheme != "tcp" or not host or not port:
            raise McoeError(f"{address!r} is no stream address; write tcp://HOST:PORT, e.g. tcp://127.0.0.1:7777.")
        self._host, self._port = host, port

    def find(self) -> list[CameraListing]:
        reason = "a server cannot be looked for; name it: --camera tcp://HOST:PORT"
        return [CameraListing(self.name, "dv-processing stream", None, False, reason, self.capabilities)]

    def open(self, serial: str | None, settings: CameraSettings) -> NetworkDevice:
        try:
            ip = socket.gethostbyname(self._host)
        except OSError as error:
            raise McoeError(f"{self.address}: the host {self._host} is unknown ({error}); check its name.") from error
        return NetworkDevice(self.address, ip, self._port, self._connect_s)


class NetworkDevice:
    """One connected stream, received by a child process."""

    serial = None
    in_order = True  # one stream per connection

    def __init__(self, address: str, ip: str, port: int, connect_s: float) -> None:
        self._address = address
        self.dropped = 0
        self._link, theirs = socket.socketpair()
        command = [
            "-P",
            "-m",
            "mcoe.capture.cameras.network_child",
            str(theirs.fileno()),
            ip,
            str(port),
            str(connect_s),
        ]
        try:
            self._process = subprocess.Popen(
                [sys.executable, *command],
                pass_fds=(theirs.fileno(),),
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, map(os.path.abspath, sys.path)))},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except BaseException:
            self._link.close()
            raise
        finally:
            theirs.close()
        try:
            self._receive(START_S)
            try:
                kind, payload, _ = self._receive(connect_s)
            except TimeoutError:
                raise McoeError(
                    f"{address} was silent for {connect_s:g} s; check that a dv-processing program streams there."
                ) from None
            if kind == b"X":
                raise McoeError(
                    f"{address} cannot be read ({payload.tobytes().decode()}); start the program that streams, or "
                    "correct the address."
                )
            told = json.loads(payload.tobytes())
            if told["size"] is None:
                raise McoeError(f"{address} streams neither events nor frames; choose another output of that program.")
            self.size: tuple[int, int] = (int(told["size"][0]), int(told["size"][1]))
            self.name = f"{told['name']} at {address.removeprefix('tcp://')}"
            self._has_frames = bool(told["frames"])
            self.capabilities = replace(
                CAPABILITIES,
                frames=Support.YES if told["frames"] else Support.NO,
                events=Support.YES if told["events"] else Support.NO,
            )
        except DeviceLost as lost:
            self.close()
            raise McoeError(f"{address} cannot be read ({lost}); check that a program streams there.") from lost
        except BaseException:
            self.close()
            raise

    def apply(self, settings: CameraSettings) -> CameraSettings:
        """A stream takes no settings: they belong to the program that sends it."""
        return CameraSettings()

    def poll(self, timeout_s: float) -> list[Arrival]:
        arrivals: list[Arrival] = []
        while len(arrivals) < _MESSAGES and select.select([self._link], [], [], 0 if arrivals else timeout_s)[0]:
            try:
                kind, payload, (start, end, height, width, self.dropped) = self._receive(_REST_S)
            except TimeoutError:
                raise DeviceLost(f"{self._address} stopped in the middle of a packet") from None
            if kind == b"X":
                if arrivals:
                    # What came before the end is delivered first; the next poll finds the child gone.
                    return arrivals
                raise DeviceLost(payload.tobytes().decode())
            if kind == b"E":
                arrivals.append(Arrival(payload.view(EVENT_DTYPE), host_now_us()))
            else:
                shape = (height, width) if len(payload) == height * width else (height, width, 3)
                arrivals.append(Arrival(Frame(payload.reshape(shape), start, end), host_now_us()))
        return arrivals

    def close(self) -> None:
        self._process.kill()
        with contextlib.suppress(OSError):
            self._link.close()
        self._process.wait()

    def _receive(self, deadline_s: float) -> tuple[bytes, NDArray[np.uint8], tuple[int, int, int, int, int]]:
        """Return kind, payload ``(n,)`` uint8, and a frame's start, end, height, width, and packets dropped so far."""
        kind, length, start, end, height, width, dropped, _ = HEADER.unpack(
            self._take(HEADER.size, deadline_s).tobytes()
        )
        return kind, self._take(length, _REST_S), (start, end, height, width, dropped)

    def _take(self, count: int, deadline_s: float) -> NDArray[np.uint8]:
        buffer = np.empty(count, np.uint8)
        rest = buffer.data
        self._link.settimeout(deadline_s)
        try:
            while rest:
                received = self._link.recv_into(rest)
                if not received:
                    raise DeviceLost(f"{self._address} is gone")
                rest = rest[received:]
        except TimeoutError:
            raise
        except OSError as error:
            raise DeviceLost(f"{self._address} is gone ({error})") from error
        return buffer
