"""File formats, one module each; imported by the decoding process only (see :mod:`mcoe.capture.decode`)."""
