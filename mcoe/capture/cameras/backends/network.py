"""A dv-processing network stream (``tcp://HOST:PORT``): any iniVation program can be the camera."""

from __future__ import annotations

import socket
from dataclasses import replace
from urllib.parse import urlsplit

from mcoe.capture.cameras.base import (
    Address,
    Arrival,
    CameraKind,
    CameraListing,
    CameraSettings,
    Capabilities,
    DeviceLost,
    Support,
    host_now_us,
)
from mcoe.capture.guarded import ChildFailed, ChildGone, GuardedChild
from mcoe.core.errors import McoeError

KIND = CameraKind(
    "network",
    Capabilities(exposure=Support.NO, biases=Support.NO, roi=Support.NO, hardware_time=Support.YES),
    backend=lambda: NetworkBackend(),
    address=Address(
        form="tcp://HOST:PORT",
        example="tcp://127.0.0.1:7777",
        leads_to="a program that streams with dv-processing",
        check=lambda address: _host_and_port(address),
    ),
)
#: How long a server may take to say what it streams, s.
CONNECT_S = 5.0
#: How long the rest of a message that has begun may take, s.
_REST_S = 5.0
#: Messages taken in one poll at most, so that settings and close are never starved.
_MESSAGES = 64


class NetworkBackend:
    """Connects to servers.

    Args:
        connect_s: how long a server may take to say what it streams, seconds.
    """

    name, capabilities = KIND.name, KIND.capabilities

    def __init__(self, connect_s: float = CONNECT_S) -> None:
        self._connect_s = connect_s

    def find(self) -> list[CameraListing]:
        reason = "a server cannot be looked for; name it: --camera tcp://HOST:PORT"
        return [CameraListing(self.name, "dv-processing stream", None, False, reason, self.capabilities)]

    def open(self, serial: str | None, settings: CameraSettings) -> NetworkDevice:
        """Connect to the server at the address ``serial``. Raises McoeError, also for a malformed one."""
        address = serial or ""
        host, port = _host_and_port(address)
        try:
            ip = socket.gethostbyname(host)
        except OSError as error:
            raise McoeError(f"{address}: the host {host} is unknown ({error}); check its name.") from error
        return NetworkDevice(address, ip, port, self._connect_s)


class NetworkDevice:
    """One connected stream, received by a child process."""

    serial = None
    in_order = True  # one stream per connection

    def __init__(self, address: str, ip: str, port: int, connect_s: float) -> None:
        self._address = address
        self.dropped = 0
        self._child = GuardedChild("mcoe.capture.cameras.backends._network_child", ip, str(port), str(connect_s))
        try:
            told = self._child.opened(connect_s)
            if told["size"] is None:
                raise McoeError(f"{address} streams neither events nor frames; choose another output of that program.")
            self.size: tuple[int, int] = (int(told["size"][0]), int(told["size"][1]))
            self.name = f"{told['name']} at {address.removeprefix('tcp://')}"
            self.capabilities = replace(
                KIND.capabilities,
                frames=Support.YES if told["frames"] else Support.NO,
                events=Support.YES if told["events"] else Support.NO,
            )
        except TimeoutError:
            self.close()
            raise McoeError(
                f"{address} was silent for {connect_s:g} s; check that a dv-processing program streams there."
            ) from None
        except ChildFailed as failed:
            self.close()
            raise McoeError(
                f"{address} cannot be read ({failed}); start the program that streams, or correct the address."
            ) from failed
        except ChildGone as gone:
            self.close()
            raise McoeError(f"{address} is gone; check that a program streams there.") from gone
        except BaseException:
            self.close()
            raise

    def apply(self, settings: CameraSettings) -> CameraSettings:
        """A stream takes no settings: they belong to the program that sends it."""
        return CameraSettings()

    def poll(self, timeout_s: float) -> list[Arrival]:
        arrivals: list[Arrival] = []
        while len(arrivals) < _MESSAGES and self._child.waits(0 if arrivals else timeout_s):
            try:
                message = self._child.receive(_REST_S)
            except TimeoutError:
                raise DeviceLost(f"{self._address} stopped in the middle of a packet") from None
            except ChildFailed as failed:
                if arrivals:
                    # What came before the end is delivered first; the next poll finds the child gone.
                    return arrivals
                raise DeviceLost(str(failed)) from failed
            except ChildGone as gone:
                raise DeviceLost(f"{self._address} is gone") from gone
            self.dropped = message.dropped[0]
            arrivals.append(Arrival(message.packet, host_now_us()))
        return arrivals

    def close(self) -> None:
        self._child.close()


def _host_and_port(address: str) -> tuple[str, int]:
    parts = urlsplit(address)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if parts.scheme != "tcp" or not host or not port:
        raise McoeError(f"{address!r} is no stream address; write tcp://HOST:PORT, e.g. tcp://127.0.0.1:7777.")
    return host, port
