"""Fixtures that several packages' tests share."""

import pytest

from tests.capture.material import shared, small_aedat4
from tests.sets import data, make_set, same_threads, trained

__all__ = ["data", "make_set", "same_threads", "shared", "small_aedat4", "trained"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what trains in this process come last: eager inference after it is tenfold slower beside busy processes."""
    items.sort(key=lambda item: bool({"data", "trained"} & set(getattr(item, "fixturenames", ()))))
