"""Which device a word means, and that nobody else decides it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import mcoe
from mcoe.core.device import device_name, pick_device
from mcoe.core.errors import McoeError


@pytest.mark.parametrize(
    ("name", "gpu", "kind"),
    [("auto", False, "cpu"), ("auto", True, "cuda"), ("cpu", True, "cpu"), ("cuda", True, "cuda")],
)
def test_words(monkeypatch: pytest.MonkeyPatch, name: str, gpu: bool, kind: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert pick_device(name).type == kind


def test_cuda_without_a_gpu_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(McoeError, match=r"nvidia-smi.*--device cpu"):
        pick_device("cuda")


def test_the_processor_has_a_name() -> None:
    assert device_name(torch.device("cpu")).strip()


def test_nobody_else_asks_whether_there_is_a_gpu() -> None:
    package = Path(mcoe.__file__).parent
    asking = {str(p.relative_to(package)) for p in package.rglob("*.py") if "cuda.is_available" in p.read_text()}
    assert asking == {"core/device.py"}
