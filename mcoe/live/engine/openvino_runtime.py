"""OpenVINO without its telemetry: nobody imports it but here.

On import it writes a lasting identifier into the user's home and reports the start to an analytics server, unless its
package ``openvino_telemetry`` cannot be had. Then it takes a stub that does nothing, which it brings along.
"""

from __future__ import annotations

import sys
from types import ModuleType


def load_openvino() -> ModuleType:
    """Return the module ``openvino``, imported so that it tells nobody. Raises ImportError where it is absent."""
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # import then raises ImportError
    import openvino

    return openvino  # type: ignore[no-any-return]
