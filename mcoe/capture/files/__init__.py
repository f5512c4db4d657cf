"""What a recording can be: one module a format, found by looking; a module with an underscore is a helper of others.

To add a format, add a module here. It states ``FORMAT``, a :class:`Format`, and offers ``open_file(path) -> Decoder``,
which runs in a guarded child process: from there on :func:`mcoe.capture.replay.open_replay` plays it, and file dialogs
and folders of recordings show it. The program imports every format to know what there is, so a module imports what
takes long (dv-processing, OpenCV, numba) only where it decodes.
"""

from mcoe.capture.files._format import HEAD_BYTES, Decoder, Format
from mcoe.capture.files._table import dialog_filter, extensions, format_of, formats

__all__ = ["HEAD_BYTES", "Decoder", "Format", "dialog_filter", "extensions", "format_of", "formats"]
