"""The process that decodes a recording: ``python -P -m mcoe.capture.replay_child FD FORMAT PATH DEADLINE``.

:class:`mcoe.capture.replay.RecordedSource` is its parent. It asks for one packet at a time (a few ahead, so that
decoding overlaps with its own work) and the child answers in order: :data:`REQUEST` ``N``, next packet, with ``E``,
``F`` or ``Z``; ``S``, seek to time µs, with ``K``.
"""

from __future__ import annotations

import importlib
import struct
import sys
from dataclasses import asdict
from pathlib import Path

from mcoe.capture.files import Decoder, Format
from mcoe.capture.guarded_child import ParentLink, computing, run
from mcoe.capture.reasons import reason
from mcoe.core.text import plain_path

#: kind, time µs
REQUEST = struct.Struct("<cq")


def serve(parent: ParentLink, arguments: list[str]) -> None:
    """Open a recording and answer requests until the parent hangs up; a failure is sent once, as one sentence.

    Args:
        parent: who asks.
        arguments: the format's name, the path, the seconds that opening it or one packet may compute, and
            ``damaged`` if a decoder has died of it.
    """
    name, path, deadline_s = arguments[0], Path(arguments[1]), float(arguments[2])
    try:
        module = importlib.import_module(f"mcoe.capture.files.{name}")
        form: Format = module.FORMAT
        for needed in form.imports:
            importlib.import_module(needed)
        parent.ready()
        with computing(deadline_s):
            decoder: Decoder = (module.open_damaged if "damaged" in arguments[3:] else module.open_file)(path)
        parent.opened(asdict(decoder.info))
        while (request := parent.request(REQUEST.size)) is not None:
            kind, time_us = REQUEST.unpack(request)
            packet = None
            with computing(deadline_s):
                if kind == b"N":
                    packet = decoder.read()
                else:
                    decoder.seek(time_us)
            parent.dropped = (decoder.dropped_frames, decoder.dropped_events)
            if packet is not None:
                parent.packet(packet)
            else:
                parent.send(b"Z" if kind == b"N" else b"K")
    except (BrokenPipeError, ConnectionResetError):
        return
    except Exception as error:
        parent.failed(reason(plain_path(path), error))


if __name__ == "__main__":
    run(sys.argv[1:], serve)
