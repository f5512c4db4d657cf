"""What a training run can be told; the options are recorded in its checkpoint, its weights and its log."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mcoe.data.clips import STRIDE
from mcoe.errors import McoeError
from mcoe.model.config import ABLATIONS, ModelConfig

#: Options that may differ between a run and its resumption: they change no result (but ``time_budget``'s schedule).
FREE = ("data", "pack", "device", "workers", "threads", "checkpoint_minutes", "backbone_weights", "graph")


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """One run. Learning rate, weight decay, batch and epochs are the paper's (A.6); window, framing and ``own`` follow
    docs/lab-book.md.

    Attributes:
        data: data set or pack; pack: where the pack goes (None: inside ``data``).
        out: the run's folder: checkpoint, best weights, history, TensorBoard log.
        batch: clips a step, over all processes together.
        clips: clips drawn from each sequence per epoch.
        stride: frames between the two of a pair.
        warm_up: share of the schedule with a rising learning rate.
        ema: decay of the averaged weights, which are the ones validated and saved.
        balance: weight of the router's balance loss (:func:`~mcoe.model.loss.balance_loss`); 0 is the paper's loss.
        clip_norm: largest gradient norm.
        validation: share of the training **subjects** held out for early stopping.
        patience: epochs without a better validation before stopping.
        window_us: length of the event window that ends with each frame, µs.
        augment: strength of augmentation, 1 = as the options below and AugmentConfig say, 0 = none.
        tighter, wider: largest zoom in and out, factors of at least 1; shift: of the picture, as a share of its side.
        exposure: largest factor on a frame's light, in e-folds. mirror: chance that a clip is mirrored, as the other
            eye would be. erase: chance that a clip has a rectangle blotted out.
        lose: chance that a clip loses a stream. own: weight of a loss on what each stream says by itself.
        smoothing: share of a label's mass that is spread over all classes.
        graph: on a GPU, record the step once and replay it; results are those of launching it kernel by kernel.
        precision: ``auto`` is bf16 (or fp16) on CUDA and fp32 on a CPU.
        time_budget: minutes after which the run ends, its schedule fitted to them; 0 = none.
        checkpoint_minutes: a killed run loses at most this much.
    """

    data: str
    out: str
    pack: str | None = None
    epochs: int = 200
    batch: int = 64
    lr: float = 3e-4
    weight_decay: float = 1e-3
    warm_up: float = 0.05
    clips: int = 2
    stride: int = STRIDE
    ema: float = 0.998
    balance: float = 0.05
    clip_norm: float = 1.0
    validation: float = 0.1
    patience: int = 40
    window_us: int = 400_000
    augment: float = 1.0
    tighter: float = 2.2
    wider: float = 1.25
    shift: float = 0.15
    exposure: float = 1.0
    mirror: float = 0.5
    erase: float = 0.3
    lose: float = 0.0
    own: float = 1.0
    smoothing: float = 0.0
    seed: int = 0
    precision: str = "auto"
    time_budget: float = 0.0
    checkpoint_minutes: float = 2.0
    backbone_weights: str | None = None
    device: str = "auto"
    scan: str = "auto"
    workers: int | None = None
    threads: int | None = None
    compile: bool = False
    graph: bool = True

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give ``parser`` the training options, with the dataclass's defaults."""
    default = {name: field.default for name, field in TrainOptions.__dataclass_fields__.items()}
    add = parser.add_argument
    add("--data", required=True, help="data set folder (frame/, event/, emotion.json), or a finished pack")
    add("--pack", help="folder for the preprocessed data set (default: DATA/pack_SIZE)")
    for name, text in (
        ("epochs", "passes over the training sequences"),
        ("batch", "clips per step, over all GPUs together"),
        ("clips", "clips of each sequence per epoch"),
        ("stride", "frames between the two frames of a clip"),
        ("patience", "epochs without improvement before stopping"),
        ("seed", "seed of weights, split, clips and augmentation"),
        ("lr", "AdamW's learning rate"),
        ("weight_decay", "AdamW's weight decay"),
        ("warm_up", "share of the run with a rising learning rate"),
        ("ema", "decay of the averaged weights"),
        ("balance", "weight of the router's balance loss, 0 for the paper's loss alone"),
        ("clip_norm", "largest gradient norm"),
        ("validation", "share of training subjects held out to stop early"),
        ("augment", "strength of augmentation, 0 to 1"),
        ("window_us", "length of the event window before each frame's end, microseconds"),
        ("tighter", "largest zoom in, a factor"),
        ("wider", "largest zoom out, a factor"),
        ("shift", "largest shift, as a share of the picture"),
        ("exposure", "largest change of a frame's light, e-folds"),
        ("mirror", "chance that a clip is mirrored, as the other eye would be"),
        ("erase", "chance that a clip has a rectangle blotted out"),
        ("lose", "chance that a clip loses one modality"),
        ("own", "weight of a loss on what each modality says by itself"),
        ("smoothing", "share of a label spread over all classes"),
        ("time_budget", "end after this many minutes; 0: no limit"),
        ("checkpoint_minutes", "minutes between checkpoints"),
    ):
        value = default[name]
        add(f"--{name.replace('_', '-')}", type=type(value), default=value, metavar="N", help=f"{text} ({value})")
    add("--precision", choices=("auto", "fp32", "bf16", "fp16"), default="auto")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add("--scan", choices=("auto", "torch", "mamba_ssm"), default="auto", help="selective scan backend")
    add("--compile", action="store_true", help="compile the network: faster steps on a GPU, minutes to start")
    add("--no-graph", dest="graph", action="store_false", help="launch every kernel of a step by itself")
    add("--workers", type=int, metavar="N", help="processes that build the pack (one per core)")
    add("--threads", type=int, metavar="N", help="CPU threads (one per core)")
    add("--backbone-weights", metavar="FILE", help="torchvision ResNet-18 weights (.pth or .safetensors)")
    add(
        "--config", nargs="+", default=[], metavar="KEY=VALUE",
        help="network options, 'd=192 size=64', or a JSON file of them",
    )  # fmt: skip


def options_from(args: argparse.Namespace, out: Path) -> TrainOptions:
    """Turn parsed arguments into options; raises McoeError where a number makes no sense."""
    names = set(TrainOptions.__dataclass_fields__) - {"out"}
    options = TrainOptions(out=str(out), **{name: getattr(args, name) for name in names})
    for name in ("epochs", "batch", "clips", "patience"):
        if getattr(options, name) < 1:
            raise McoeError(f"--{name} is {getattr(options, name)}; give at least 1.")
    for name in ("validation", "lose", "warm_up", "ema", "smoothing"):
        if not 0 <= getattr(options, name) < 1:
            raise McoeError(f"--{name.replace('_', '-')} is {getattr(options, name)}; give 0 or more and less than 1.")
    for name in ("tighter", "wider"):
        if not 1 <= getattr(options, name) <= 4:
            raise McoeError(f"--{name} is {getattr(options, name):g}; give a zoom factor of 1 to 4.")
    for name in ("mirror", "erase"):
        if not 0 <= getattr(options, name) <= 1:
            raise McoeError(f"--{name} is {getattr(options, name):g}; give a probability, 0 to 1.")
    if options.own < 0 or options.exposure < 0 or not 0 <= options.shift < 0.5:
        raise McoeError("--own and --exposure must be at least 0, and --shift at least 0 and below 0.5; correct them.")
    if options.window_us < 1:
        raise McoeError(f"--window-us is {options.window_us}; give the window's length in µs, 400000 for 400 ms.")
    if options.stride < 0:
        raise McoeError(f"--stride is {options.stride}; give 0 or more frames.")
    return options


def build_config(overrides: list[str], ablation: str | None = None) -> ModelConfig:
    """Start from a row of ABLATIONS (``2.A``) or the default and apply ``key=value`` or JSON files, in order.

    Raises:
        McoeError: the row, a key or a value is unknown, or a file cannot be read.
    """
    if ablation is not None and ablation not in ABLATIONS:
        raise McoeError(f"There is no ablation '{ablation}'; choose one of {', '.join(ABLATIONS)}.")
    values = (ABLATIONS[ablation] if ablation else ModelConfig()).to_dict()
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals:
            try:
                values.update(json.loads(Path(override).read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError) as error:
                raise McoeError(f"--config {override} is neither KEY=VALUE nor a JSON file of options.") from error
            continue
        try:
            values[key] = json.loads(text)
        except ValueError:
            values[key] = text
    return ModelConfig.from_dict(values)
