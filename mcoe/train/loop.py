"""The training loop: one epoch after another, each decided by the seed and its number alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from mcoe.calibration import fit_temperature
from mcoe.data.augment import AugmentConfig
from mcoe.data.clips import ClipSet, clip_set, split_subjects
from mcoe.data.pack import Pack
from mcoe.errors import McoeError
from mcoe.metrics import scores
from mcoe.model.config import ModelConfig
from mcoe.model.network import MCOENet
from mcoe.model.weights import load_weights, save_weights
from mcoe.predict import clip_logits, log_loss, predict_clips
from mcoe.train.console import Bar
from mcoe.train.feed import Feed, input_statistics
from mcoe.train.log import RunLog
from mcoe.train.options import FREE, TrainOptions
from mcoe.train.state import EMA, epoch_seed, load_checkpoint, save_checkpoint
from mcoe.train.step import GraphedStep, Mixed, Step, parameter_groups
from mcoe.train.world import World

Rows = NDArray[np.int64]
Labels = NDArray[np.int64]

#: The learning rate ends at this share of its peak.
FINAL_LR = 0.01
#: Clips per sequence for validation.
VALIDATION_CLIPS = 4


@dataclass(slots=True)
class Progress:
    """Where a run stands; saved in its checkpoint."""

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    best: float = float("-inf")
    best_epoch: int = -1


class Trainer:
    """One training run in one process of ``world``.

    Args:
        config: the network; its normalisation constants are replaced by the training frames' own, except RGB's where
            pretrained backbone weights bring theirs.
        metadata: goes into the saved weights (commit, data's origin …).
        feed: a feed of ``pack`` with the options' window, to share among runs; made where None.

    Raises:
        McoeError: the data set has no training sequence, or the run's folder holds a run with other options.
    """

    def __init__(
        self,
        options: TrainOptions,
        config: ModelConfig,
        pack: Pack,
        world: World,
        metadata: dict[str, Any],
        feed: Feed | None = None,
    ) -> None:
        self._options, self._world, self._out = options, world, Path(options.out)
        training, validation = split_subjects(pack.subset("training"), options.validation, options.seed)
        self.training = clip_set(pack, training, options.stride)
        self._feed = feed or Feed(pack, world.device, options.window_us)
        self.validation = clip_set(pack, validation, options.stride) if validation else None
        if not self.training.sequences:
            raise McoeError(f"Not one training sequence of {pack.root} has a usable clip; check its frames.")
        self._report_clips(self.training)
        config = self._normalise(config)

        torch.manual_seed(options.seed)
        self.net = MCOENet(config)
        if options.backbone_weights:
            load_backbones(self.net, Path(options.backbone_weights))
        self.net.to(world.device)
        for backbone in (self.net.backbone_rgb, self.net.backbone_event):
            if backbone is not None:
                backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.net.use_scan(options.scan)
        self._ema = EMA(self.net, options.ema)
        self._optimizer = _optimizer(self.net, options, world.device)
        self._dtype = _precision(options.precision, world.device)
        self._scaler = torch.amp.GradScaler(world.device.type, enabled=self._dtype == torch.float16)
        self._steps = max(1, len(self.training.sequences) * options.clips // options.batch)
        self.progress = Progress()
        self.history: list[dict[str, Any]] = []
        self._metadata = metadata | {
            "training": options.to_dict() | {"data": Path(options.data).name, "out": "", "pack": None},
            "validation_subjects": sorted({s.subject for s in validation}),
        }
        self._resume()
        self._model = self._wrap()
        self._generator = torch.Generator(world.device)
        self._step = Step(
            self.net, self._model, self._optimizer, self._scaler, options, augmentation(options), self._generator
        )
        self._graphed: GraphedStep | None = None

    @property
    def best_path(self) -> Path:
        """The best weights so far, float32."""
        return self._out / "best.safetensors"

    def fit(self) -> Progress:
        """Train to the end (epochs, patience or time budget) and return where it stands."""
        options, world, progress = self._options, self._world, self.progress
        began, saved = time.monotonic() - progress.seconds, time.monotonic()
        with RunLog(self._out, world.first, progress.epoch) as log:
            while not self._finished():
                entry = self._epoch(progress.epoch, began)
                progress.seconds = time.monotonic() - began
                if world.first:
                    entry |= self._validate()
                entry = world.agree(entry)
                self.history.append(entry)
                better = entry["score"] > progress.best
                if better:
                    progress.best, progress.best_epoch = entry["score"], progress.epoch
                progress.epoch += 1
                progress.seconds = world.agree(progress.seconds)
                if world.first:
                    if better:
                        self._save_best(entry)
                    log.epoch(entry)
                    if time.monotonic() - saved >= 60 * options.checkpoint_minutes or self._finished():
                        self._save()
                        saved = time.monotonic()
        if world.first:
            self._calibrate()
        return progress

    def _finished(self) -> bool:
        options, progress = self._options, self.progress
        late = options.time_budget > 0 and progress.seconds >= 60 * options.time_budget
        stale = progress.best_epoch >= 0 and progress.epoch - progress.best_epoch > options.patience
        return progress.epoch >= options.epochs or late or stale

    def _epoch(self, epoch: int, began: float) -> dict[str, Any]:
        options, world = self._options, self._world
        rows, labels = self.training.epoch(options.seed, epoch, options.clips)
        cuts = [slice(i, i + options.batch) for i in range(0, self._steps * options.batch, options.batch)]
        chunks = [(rows[cut][world.rank :: world.size], labels[cut][world.rank :: world.size]) for cut in cuts]
        if not len(chunks[0][0]):
            raise McoeError(f"{world.size} processes share fewer clips; use fewer, or raise --clips.")
        torch.manual_seed(epoch_seed(options.seed, epoch, world.rank))  # dropout
        totals = torch.zeros(6 + 2 * self.net.config.n_experts, device=world.device)
        self._model.train()
        step = self._graph() if self._graphs() else None
        started = time.monotonic()
        title = f"epoch {epoch + 1}/{options.epochs}"
        with Bar(title, self._steps, shown=world.first) as bar:
            for sums in self._steps_of(chunks, step):
                self._set_rate(began)
                self._generator.manual_seed(epoch_seed(options.seed, self.progress.step, world.rank, 1))
                totals += sums()
                self._ema.update()
                self.progress.step += 1
                bar.step()
        total: list[float] = world.sum(totals).tolist()
        n, experts = total[5], self.net.config.n_experts
        took = time.monotonic() - started
        return {
            "epoch": epoch,
            "lr": float(self._optimizer.param_groups[0]["lr"]),
            "loss": total[0] / n,
            "cross_entropy": total[1] / n,
            "orthogonal_loss": total[2] / n,
            "balance_loss": total[3] / n,
            "clip_accuracy": total[4] / n,
            "clips_per_s": n / took,
            "router_load": [v / n for v in total[6 : 6 + experts]],
            "router_gate": [v / n for v in total[6 + experts :]],
        }

    def _steps_of(self, chunks: list[tuple[Rows, Labels]], graph: GraphedStep | None) -> Iterator[Callable[[], Tensor]]:
        """Yield each step of an epoch as a call that takes it and returns its sums."""
        device = self._world.device
        if graph is None:
            for (rgb, voxel), (_, y) in zip(self._feed.batches(c for c, _ in chunks), chunks, strict=True):
                labels = torch.from_numpy(y).to(device)
                yield partial(self._step, rgb, voxel, labels)
            return
        rows = torch.from_numpy(np.stack([c for c, _ in chunks])).to(device)  # (steps, B, m)
        labels = torch.from_numpy(np.stack([y for _, y in chunks])).to(device)  # (steps, B)
        for i in range(len(chunks)):
            yield partial(graph, rows[i], labels[i])

    def _graphs(self) -> bool:
        """Whether a step can be one CUDA graph: a pack on the GPU, one process, no loss scaling (it asks the GPU)."""
        alone = self._world.size == 1 and not self._scaler.is_enabled()
        return self._options.graph and self._feed.resident and alone

    def _graph(self) -> GraphedStep:
        if self._graphed is None:
            self._graphed = GraphedStep(self._step, self._feed, self._options.batch, self.net.config.frames)
        return self._graphed

    def _set_rate(self, began: float) -> None:
        """Warm up evenly, then follow half a cosine; a time budget moves it on when it is the nearer end."""
        options = self._options
        done = (self.progress.step + 1) / (self._steps * options.epochs)
        if options.time_budget:
            done = max(done, self._world.agree(time.monotonic() - began) / (60 * options.time_budget))
        if done < options.warm_up:
            share = done / options.warm_up
        else:
            turn = min(1.0, (done - options.warm_up) / (1 - options.warm_up))
            share = FINAL_LR + (1 - FINAL_LR) * 0.5 * (1 + np.cos(np.pi * turn))
        for group in self._optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(options.lr * float(share))
            else:
                group["lr"] = options.lr * float(share)

    def _validate(self) -> dict[str, Any]:
        """Score the averaged weights on the held-out subjects; without any, the latest epoch is the best."""
        if self.validation is None:
            return {"score": float(self.progress.epoch)}
        with self._averaged():
            said = predict_clips(self.net, self._feed, self.validation, most=VALIDATION_CLIPS)
        values = scores(said)
        loss = log_loss(said)
        # Sequences are few, so accuracy moves in jumps: the log loss, which is below 10, breaks ties.
        return {"val_WAR": values["WAR"], "val_UAR": values["UAR"], "val_ECE": values["ECE"], "val_loss": loss,
                "score": values["WAR"] - 1e-4 * min(loss, 10.0)}  # fmt: skip

    def _averaged(self) -> Any:
        return _Swapped(self.net, self._ema.state)

    def _save_best(self, entry: dict[str, Any]) -> None:
        with self._averaged():
            chosen = {k: v for k, v in entry.items() if isinstance(v, int | float)}
            save_weights(self.best_path, self.net, self._metadata | {"validation": chosen})

    def _calibrate(self) -> None:
        """Fit the temperature of the best weights on the held-out subjects' clips and write it into their metadata."""
        if self.validation is None or not self.best_path.is_file():
            return
        net, metadata = load_weights(self.best_path)
        net.to(self._world.device).use_scan(self._options.scan)
        rows, index = self.validation.spread(VALIDATION_CLIPS)
        logits = clip_logits(net, self._feed, rows)
        temperature = fit_temperature(logits, self.validation.labels[index])
        save_weights(self.best_path, net, metadata | {"temperature": round(temperature, 4)})

    def _save(self) -> None:
        progress = self.progress
        save_checkpoint(
            self._out / "last.ckpt",
            {
                "options": self._options.to_dict(),
                "config": self.net.config.to_dict(),
                "net": self.net.state_dict(),
                "ema": self._ema.state,
                "ema_steps": self._ema.steps,
                "optimizer": self._optimizer.state_dict(),
                "scaler": self._scaler.state_dict(),
                "progress": {name: getattr(progress, name) for name in Progress.__dataclass_fields__},
                "history": self.history,
            },
        )

    def _resume(self) -> None:
        path = self._out / "last.ckpt"
        state = load_checkpoint(path, self._world.device)
        if state is None:
            return
        ours, theirs = self._options.to_dict(), state["options"]
        odd = [k for k in ours if k not in (*FREE, "out") and ours[k] != theirs.get(k)]
        if odd or state["config"] != self.net.config.to_dict():
            what = f"--{odd[0].replace('_', '-')} {theirs.get(odd[0])}" if odd else "another network or data set"
            raise McoeError(f"{self._out} holds a run with {what}; give this one another --name, or delete that one.")
        self.net.load_state_dict(state["net"])
        for key, value in state["ema"].items():
            self._ema.state[key].copy_(value)
        self._ema.steps = state["ema_steps"]
        self._optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        self.progress, self.history = Progress(**state["progress"]), state["history"]
        if self._world.first:
            print(f"going on with {self._out} at epoch {self.progress.epoch + 1}")

    def _wrap(self) -> nn.Module:
        model: nn.Module = Mixed(self.net, self._dtype, self._options.own > 0 and self.net.config.modality == "both")
        if self._world.size > 1:
            ids = [self._world.device.index] if self._world.device.type == "cuda" else None
            # Experts that no clip of a batch chose, or a stream that all its clips lost, get no gradient.
            model = DistributedDataParallel(model, device_ids=ids, find_unused_parameters=True)
        return torch.compile(model) if self._options.compile else model  # type: ignore[return-value]

    def _normalise(self, config: ModelConfig) -> ModelConfig:
        rows = np.unique(np.concatenate(self.training.pairs))
        mean, std, event = input_statistics(self._feed, rows)
        config = replace(config, event_std=round(max(event, 1e-3), 6))
        if self._options.backbone_weights:
            return config
        grey = (round(mean, 6),) * 3, (round(max(std, 1e-3), 6),) * 3
        return replace(config, rgb_mean=grey[0], rgb_std=grey[1])

    def _report_clips(self, clips: ClipSet) -> None:
        if self._world.first:
            for what, names in (("too short for the stride", clips.short), ("without a usable clip", clips.unusable)):
                if names:
                    print(f"{len(names)} sequences {what}: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}")


class _Swapped:
    """Inside the ``with``, a network computes with another state; afterwards with its own again."""

    def __init__(self, net: nn.Module, state: dict[str, Tensor]) -> None:
        self._net, self._state = net, state

    def __enter__(self) -> None:
        self._own = {k: v.clone() for k, v in self._net.state_dict().items()}
        self._net.load_state_dict(self._state)

    def __exit__(self, *_: object) -> None:
        self._net.load_state_dict(self._own)


def load_backbones(net: MCOENet, path: Path) -> None:
    """Load torchvision-format ResNet-18 weights into every backbone that ``net`` has.

    Raises:
        McoeError: the file cannot be read or holds something else.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # each format raises its own
        raise McoeError(f"The backbone weights {path} cannot be read; give torchvision's ResNet-18 file.") from error
    for modality in net.config.modalities:
        net.backbone(modality).load_torchvision(state)


def augmentation(options: TrainOptions) -> AugmentConfig:
    """Return the augmentation that a run's options ask for."""
    base = AugmentConfig(
        tighter=options.tighter, wider=options.wider, shift=options.shift, exposure=options.exposure,
        mirror=options.mirror, erase=options.erase,
    )  # fmt: skip
    return base.times(options.augment)


def _optimizer(net: MCOENet, options: TrainOptions, device: torch.device) -> torch.optim.AdamW:
    groups = parameter_groups(net, options.weight_decay)
    if device.type != "cuda":
        return torch.optim.AdamW(groups, options.lr, fused=True)
    # A learning rate that a recorded step can see change must lie on the GPU.
    return torch.optim.AdamW(groups, torch.tensor(options.lr, device=device), fused=True, capturable=True)


def _precision(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[name]
