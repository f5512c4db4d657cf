"""What a run leaves to read: ``history.jsonl``, a TensorBoard log, and a line per epoch on the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any

from mcoe.core.errors import McoeError


class RunLog:
    """Writes a run's epochs; does nothing in processes but the first.

    Args:
        out: the run's folder. epoch: the first epoch to come; later ones in an old log were lost and are cut off.

    Raises:
        McoeError: TensorBoard is not installed.
    """

    def __init__(self, out: Path, active: bool, epoch: int) -> None:
        self._active = active
        if not active:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise McoeError("Training needs TensorBoard: pip install 'mcoe-live[train]'.") from error
        self._path = out / "history.jsonl"
        kept = self._path.read_text(encoding="utf-8").splitlines()[:epoch] if self._path.is_file() else []
        self._path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
        self._writer = SummaryWriter(str(out / "tensorboard"), purge_step=epoch)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._active:
            self._writer.close()

    def epoch(self, entry: dict[str, Any]) -> None:
        """Log one epoch: every number as a curve, every list (the router's load) as one curve an expert."""
        if not self._active:
            return
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        for name, value in entry.items():
            values = {f"{name}/{i}": v for i, v in enumerate(value)} if isinstance(value, list) else {name: value}
            for tag, number in values.items():
                self._writer.add_scalar(tag, number, entry["epoch"])
        self._writer.flush()
        load = entry["router_load"]
        print(
            f"epoch {entry['epoch'] + 1}: loss {entry['loss']:.3f}, clips right {100 * entry['clip_accuracy']:.1f} %"
            + (f", validation WAR {100 * entry['val_WAR']:.1f} %" if "val_WAR" in entry else "")
            + (f", router load {min(load):.2f}–{max(load):.2f}" if load else "")
            + f", {entry['clips_per_s']:.0f} clips/s",
            flush=True,
        )
