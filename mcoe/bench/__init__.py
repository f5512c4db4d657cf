"""``python -m mcoe bench``: what this machine does, measured side by side in one run."""

from mcoe.bench.command import main

__all__ = ["main"]
