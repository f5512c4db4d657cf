"""What pyproject.toml cannot say: app/ and assets/ lie beside the library here and go by other names once installed.

A top-level package called ``app`` would break other people's programs, so that the window is ``mcoe_live`` there; the
weights and recordings lie inside ``mcoe``. Everything is found by looking: a new package needs no line here.
"""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["mcoe", "mcoe.*"]),
        "mcoe.assets",
        "mcoe_live",
        *(f"mcoe_live.{name}" for name in find_packages("app")),
    ],
    package_dir={"mcoe_live": "app", "mcoe.assets": "assets"},
)
