"""``python -m mcoe train``: MCO-E Net from a data set to weights (paper A.6).

The same command runs on one GPU, under ``torchrun --nproc_per_node N -m mcoe train …`` on several, and on a CPU.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path
from typing import Any

from mcoe.core.errors import McoeError


def main(argv: list[str]) -> int:
    """Train one network; return the exit code."""
    from mcoe.train.options import add_arguments, build_config, options_from

    parser = argparse.ArgumentParser("mcoe train", description=__doc__.split("\n\n")[0])
    add_arguments(parser)
    parser.add_argument("--name", help="the run's name under runs/ (default: the ablation, or 'mcoe')")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of all runs (runs)")
    parser.add_argument("--ablation", metavar="ROW", help="a row of the paper's ablation tables, such as 2.A")
    args = parser.parse_args(argv)
    options = options_from(args, args.runs / (args.name or args.ablation or "mcoe"))
    run(options, build_config(args.config, args.ablation))
    return 0


def run(options: Any, config: Any) -> Path:
    """Train, or go on training, one network.

    Args:
        options: :class:`~mcoe.train.options.TrainOptions`. config: :class:`~mcoe.model.config.ModelConfig`.

    Returns:
        The best weights' file.

    Raises:
        McoeError: see :class:`~mcoe.train.loop.Trainer` and :func:`~mcoe.data.pack.open_or_build`.
    """
    import torch

    from mcoe.data.pack import open_or_build
    from mcoe.train.loop import Trainer
    from mcoe.train.world import join_world

    world = join_world(options.device)
    try:
        torch.set_num_threads(options.threads or max(1, (os.cpu_count() or 1) // world.size))
        if world.device.type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
            torch.backends.cudnn.benchmark = True
        try:
            Path(options.out).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise McoeError(
                f"The folder {options.out} cannot be made ({error.strerror}); name another --runs."
            ) from error
        place = (Path(options.data), Path(options.pack) if options.pack else None)
        sizes = {"size": config.size, "bins": config.bins, "workers": options.workers}
        if world.first:
            open_or_build(*place, **sizes)
        world.wait()  # the others open what the first has built
        pack = open_or_build(*place, **sizes)
        metadata = {
            "commit": commit(),
            "data": {"sequences": len(pack.sequences), "subjects": len({s.subject for s in pack.sequences})}
            | pack.extra,
            "torch": torch.__version__,
            "processes": world.size,
        }
        trainer = Trainer(options, config, pack, world, metadata)
        progress = trainer.fit()
        if world.first:
            print(f"best epoch {progress.best_epoch + 1} of {progress.epoch}: {trainer.best_path}")
        world.wait()
        return trainer.best_path
    finally:
        world.close()


def commit() -> str:
    """Return the checkout's commit, with ``+`` where files differ from it.

    Outside a checkout, on a machine that got a copy of the files: what ``MCOE_COMMIT`` says, or ``unknown``.
    """
    here = Path(__file__).resolve().parent

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(here), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get("MCOE_COMMIT", "unknown")
