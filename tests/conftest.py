"""Fixtures that several packages' tests share."""

from tests.capture.material import shared, small_aedat4
from tests.sets import data, make_set, same_threads, trained

__all__ = ["data", "make_set", "same_threads", "shared", "small_aedat4", "trained"]
