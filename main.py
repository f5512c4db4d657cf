"""MCO-E Live from a clone: ``python main.py``; installed, it is the command ``mcoe-live``."""

import sys

from app.cli import main

if __name__ == "__main__":
    sys.exit(main())
