"""Everything that shapes the network, in one frozen dataclass; every ablation of the paper is a value of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from mcoe.errors import McoeError

#: Class order of every output, file and plot.
EMOTIONS = ("happy", "sad", "angry", "disgust", "surprise", "fear", "neutral")

ExpertKind = Literal["focal", "attention", "deep"]
EXPERT_KINDS: tuple[ExpertKind, ...] = get_args(ExpertKind)

Modality = Literal["rgb", "event"]
Norm = Literal["fixed", "frame"]


def interleave(n: int, kinds: Sequence[ExpertKind] = EXPERT_KINDS) -> tuple[ExpertKind, ...]:
    """``n`` expert kinds taken in turn, so that 8 of three kinds are 3 focal, 3 attention and 2 deep."""
    return tuple(kinds[i % len(kinds)] for i in range(n))


_CHOICES: dict[str, tuple[str, ...]] = {
    "tokens": ("spatial", "pooled"),
    "modality": ("both", "rgb", "event"),
    "mjos": ("join", "share", "exchange", "none"),
    "rgb_norm": get_args(Norm),
    "event_norm": get_args(Norm),
}
#: What weights meant that were saved before an option existed.
_BEFORE: dict[str, Any] = {"rgb_norm": "fixed", "event_norm": "fixed"}


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The shape of an MCO-E Net; it validates itself and raises :class:`McoeError`.

    Attributes:
        size: side S of the square input, pixels.
        frames: m, frames (and voxel grids) per sample.
        bins: N_b, temporal bins of a voxel grid (the paper's event channels B).
        d: model width, not in the paper; at 128 the head costs a CPU less than half of what it does at 256, and the
            backbones stay the larger part of a live step. ``heads`` must divide it.
        d_state, expand, d_conv: N, width factor and kernel of the Mamba layer.
        heads: heads of every multi-head attention.
        tokens: ``spatial`` (M = m·h·w stage-4 positions) or ``pooled`` (M = m).
        modality: streams the network has; ``rgb`` and ``event`` are Table 2 A and B.
        mamba: False leaves out the state space layer (Table 2 C, D).
        mjos: what happens to the SSM parameters named in ``mjos_letters``: ``join`` by M(·,·) of Eq. 5, ``share``
            one parameter between the modalities (Table 7 A–D), ``exchange`` them (Table 7 J) or ``none``.
        mjos_letters: some of ``ABCD``, each once.
        mcib: False fuses by addition (Table 2 C, E).
        experts: kind of each expert, in order; empty puts an MLP in place of HCE-MoE (Table 2 F, Table 8 A).
        top_k: k, experts whose votes count.
        focal_width: channels between the two convolutions of a focal expert.
        deep_layers: L, blocks of a deep expert.
        dropout: probability of the dropout in Eq. 12.
        rgb_mean, rgb_std: normalisation of RGB in 0..1, per channel (ImageNet's).
        event_std: what voxel values are divided by; their mean is 0 by the sign of polarity.
        rgb_norm: ``frame`` gives each frame mean 0 and deviation 1 by its own pixels, so that exposure and gain do not
            matter (:class:`mcoe.model.resnet.InputNorm`); ``fixed`` takes the constants above for all.
        event_norm: the same of voxel grids, by each grid's own root mean square.
    """

    size: int = 100
    frames: int = 2
    bins: int = 3
    d: int = 128
    d_state: int = 16
    expand: int = 2
    d_conv: int = 4
    heads: int = 4
    tokens: Literal["spatial", "pooled"] = "spatial"
    modality: Literal["both", "rgb", "event"] = "both"
    mamba: bool = True
    mjos: Literal["join", "share", "exchange", "none"] = "join"
    mjos_letters: str = "BC"
    mcib: bool = True
    experts: tuple[ExpertKind, ...] = interleave(8)
    top_k: int = 2
    focal_width: int = 64
    deep_layers: int = 5
    dropout: float = 0.1
    rgb_mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    rgb_std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    event_std: float = 1.0
    rgb_norm: Norm = "frame"
    event_norm: Norm = "fixed"

    def __post_init__(self) -> None:
        for name in (
            "size",
            "frames",
            "bins",
            "d",
            "d_state",
            "expand",
            "d_conv",
            "heads",
            "top_k",
            "focal_width",
            "deep_layers",
        ):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise McoeError(f"Model option {name} is {value!r}; give a whole number of at least 1.")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise McoeError(f"Model option {name} is {getattr(self, name)!r}; give one of {', '.join(choices)}.")
        if self.d % self.heads:
            raise McoeError(f"Model option d = {self.d} does not divide into {self.heads} heads; change one.")
        letters = self.mjos_letters
        if set(letters) - set("ABCD") or len(set(letters)) != len(letters):
            raise McoeError(f"Model option mjos_letters is {letters!r}; give some of A, B, C, D, each once.")
        if set(self.experts) - set(EXPERT_KINDS):
            raise McoeError(f"Model option experts is {self.experts!r}; give a list of {', '.join(EXPERT_KINDS)}.")
        if self.experts and self.top_k > len(self.experts):
            raise McoeError(
                f"Model option top_k is {self.top_k} of {len(self.experts)} experts; lower it or add experts."
            )
        if not 0 <= self.dropout < 1:
            raise McoeError(f"Model option dropout is {self.dropout}; give a probability of at least 0 and below 1.")
        if min(*self.rgb_std, self.event_std) <= 0:
            raise McoeError("Model options rgb_std and event_std must be above 0; correct them.")

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The streams that the network has, RGB first."""
        return ("rgb", "event") if self.modality == "both" else (self.modality,)

    @property
    def grid(self) -> int:
        """Side of the stage-4 map: five halvings that round up, 4 at S = 100."""
        return -(-self.size // 32)

    @property
    def n_tokens(self) -> int:
        """M, the length of each modality's sequence."""
        return self.frames * (self.grid**2 if self.tokens == "spatial" else 1)

    @property
    def n_experts(self) -> int:
        """N_e; 0 where an MLP stands in for HCE-MoE."""
        return len(self.experts)

    def joins(self, letter: str) -> bool:
        """Whether SSM parameter ``letter`` goes through M(·,·) of Eq. 5."""
        return self.modality == "both" and self.mjos == "join" and letter in self.mjos_letters

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold; :meth:`from_dict` reads them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelConfig:
        """A config from :meth:`to_dict`'s values, also after a trip through JSON.

        Values saved before ``rgb_norm`` and ``event_norm`` existed mean fixed constants.

        Raises:
            McoeError: an unknown key, or a value that the config refuses.
        """
        unknown = sorted(set(values) - {f.name for f in fields(cls)})
        if unknown:
            raise McoeError(
                f"Model option {unknown[0]!r} is unknown to this version; remove it or update the software."
            )
        settings: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**{**_BEFORE, **settings})


def _table_7(mode: Literal["join", "share", "exchange"], letters: str) -> ModelConfig:
    return ModelConfig(mjos=mode, mjos_letters=letters)


#: Every row of Tables 2, 5, 6, 7 and 8, named ``table.row``. Table 2 G's figures are those of Table 8 D, so its one
#: kind is focal; the paper does not say which two kinds row H keeps: focal and attention here.
ABLATIONS: dict[str, ModelConfig] = {
    "2.A": ModelConfig(modality="rgb"),
    "2.B": ModelConfig(modality="event"),
    "2.C": ModelConfig(mamba=False, mcib=False),
    "2.D": ModelConfig(mamba=False),
    "2.E": ModelConfig(mcib=False),
    "2.F": ModelConfig(experts=()),
    "2.G": ModelConfig(experts=interleave(8, ("focal",))),
    "2.H": ModelConfig(experts=interleave(8, ("focal", "attention"))),
    "2.I": ModelConfig(),
    "5.A": ModelConfig(experts=interleave(5)),
    "5.B": ModelConfig(experts=interleave(10)),
    "5.C": ModelConfig(experts=interleave(15)),
    "5.D": ModelConfig(),
    "6.A": ModelConfig(top_k=1),
    "6.B": ModelConfig(top_k=3),
    "6.C": ModelConfig(top_k=5),
    "6.D": ModelConfig(),
    "7.A": _table_7("share", "A"),
    "7.B": _table_7("share", "B"),
    "7.C": _table_7("share", "C"),
    "7.D": _table_7("share", "D"),
    "7.E": _table_7("join", "AB"),
    "7.F": _table_7("join", "AC"),
    "7.G": _table_7("join", "AD"),
    "7.H": _table_7("join", "BD"),
    "7.I": _table_7("join", "CD"),
    "7.J": _table_7("exchange", "ABCD"),
    "7.K": _table_7("join", "BC"),
    "8.A": ModelConfig(experts=()),
    "8.B": ModelConfig(experts=interleave(8, ("deep",))),
    "8.C": ModelConfig(experts=interleave(8, ("attention",))),
    "8.D": ModelConfig(experts=interleave(8, ("focal",))),
    "8.E": ModelConfig(),
}
