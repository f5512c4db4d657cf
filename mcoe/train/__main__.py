"""``torchrun … -m mcoe.train``: the same as ``python -m mcoe train``."""

import sys

from mcoe.core.errors import McoeError
from mcoe.train import main

try:
    sys.exit(main(sys.argv[1:]))
except McoeError as error:
    print(f"mcoe train: {error}", file=sys.stderr)
    sys.exit(2)
