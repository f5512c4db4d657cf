"""Augmentation on the training device, one vectorised pass per batch.

Geometry (crop, slip, mirror, blotted rectangle) acts on frames and events alike; light on frames, dropped and wrong
events on voxel grids.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class AugmentConfig:
    """How strong; every amount is the largest, drawn evenly up to it for each clip.

    Attributes:
        tighter, wider: largest zoom in and out, factors; every zoom between is equally likely by its logarithm.
        turn, shift: rotation in degrees, shift in fractions of the image: with the zoom, the crop.
        slip: shift between the two frames of a clip, fractions: a head mount that moved.
        exposure, gamma: frames are multiplied by e^±exposure, then raised to e^±gamma.
        noise: standard deviation of Gaussian noise at full scale 1; it falls with the root of the signal, as shot
            noise does, since in low light a frame's whole content is a few grey levels.
        threshold: voxel grids are multiplied by e^±threshold, as another contrast threshold would.
        drop: share of voxels emptied. polarity: share of voxels whose sign flips.
        spikes: share of voxels that get a stray event of either sign.
        mirror: share of clips that are mirrored, as the other eye would be.
        erase: share of clips of which a rectangle, up to half of the side, shows nothing.
    """

    tighter: float = 1.13
    wider: float = 1.13
    turn: float = 8.0
    shift: float = 0.06
    slip: float = 0.015
    exposure: float = 0.5
    gamma: float = 0.25
    noise: float = 0.02
    threshold: float = 0.3
    drop: float = 0.3
    polarity: float = 0.02
    spikes: float = 0.005
    mirror: float = 0.0
    erase: float = 0.0

    def times(self, strength: float) -> AugmentConfig:
        """Return the same with every amount times ``strength``; 0 leaves clips as they are."""
        amounts = {name: value * strength for name, value in asdict(self).items()}
        amounts |= {name: getattr(self, name) ** strength for name in ("tighter", "wider")}
        return AugmentConfig(**amounts)


def augment(rgb: Tensor, voxel: Tensor, config: AugmentConfig, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return changed copies of a batch.

    Args:
        rgb: ``(B, m, C, S, S)`` float, 0..1; stays in that range.
        voxel: ``(B, m, N_b, S, S)`` float, signed events per pixel.
        generator: on the tensors' device; the only source of chance.
    """
    batch, m = rgb.shape[:2]

    def even(*shape: int) -> Tensor:  # uniform in -1..1
        return torch.rand(*shape, generator=generator, device=rgb.device) * 2 - 1

    def amount(limit: float) -> Tensor:  # uniform in 0..limit, one per clip
        return torch.rand(batch, 1, 1, 1, 1, generator=generator, device=rgb.device) * limit

    def chance(share: Tensor) -> Tensor:
        return torch.rand(voxel.shape, generator=generator, device=rgb.device) < share

    grid = _grid(even(batch, 5), even(batch, m, 2), config, rgb.shape[-2:])  # (B·m, S, S, 2)
    rgb = F.grid_sample(rgb.flatten(0, 1), grid, padding_mode="border", align_corners=False).view_as(rgb)
    voxel = F.grid_sample(voxel.flatten(0, 1), grid, padding_mode="zeros", align_corners=False).view_as(voxel)
    if config.erase > 0:
        rgb, voxel = _erase(rgb, voxel, config.erase, generator)

    light = even(2, batch, 1, 1, 1, 1)
    rgb = (rgb * (light[0] * config.exposure).exp()).clamp(0, 1) ** (light[1] * config.gamma).exp()
    # Noise is drawn per pixel, once for all channels: grey frames stay grey.
    grain = torch.randn(batch, m, 1, *rgb.shape[-2:], generator=generator, device=rgb.device)
    rgb = (rgb + grain * amount(config.noise) * rgb.sqrt()).clamp(0, 1)

    voxel = voxel * (even(batch, 1, 1, 1, 1) * config.threshold).exp()
    voxel = voxel.masked_fill(chance(amount(config.drop)), 0.0)
    voxel = torch.where(chance(amount(config.polarity)), -voxel, voxel)
    stray = torch.randn(voxel.shape, generator=generator, device=rgb.device) * 0.2
    return rgb, torch.where(chance(amount(config.spikes)), voxel + stray, voxel)


def lose_modality(batch: int, probability: float, generator: torch.Generator, device: torch.device) -> Tensor:
    """Draw which streams each clip keeps: ``(B, 2)`` bool, columns RGB and events, never both lost."""
    draw = torch.rand(batch, generator=generator, device=device)
    return torch.stack([draw >= probability / 2, (draw < probability / 2) | (draw >= probability)], 1)


def _grid(clip: Tensor, frame: Tensor, config: AugmentConfig, size: torch.Size) -> Tensor:
    """Sampling grid ``(B·m, S, S, 2)`` of each clip's similarity transform with each frame's slip."""
    angle = clip[:, 0] * config.turn * torch.pi / 180
    low, high = -math.log(config.tighter), math.log(config.wider)
    zoom = (low + (clip[:, 1] + 1) / 2 * (high - low)).exp()
    flip = torch.where(clip[:, 4] < 2 * config.mirror - 1, -1.0, 1.0)
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    linear = torch.stack([torch.stack([cos * flip, -sin], -1), torch.stack([sin * flip, cos], -1)], -2)  # (B, 2, 2)
    shift = 2 * (clip[:, None, 2:4] * config.shift + frame * config.slip)  # (B, m, 2); grids span -1..1
    theta = torch.cat([linear[:, None].expand(-1, frame.shape[1], -1, -1), shift[..., None]], -1)  # (B, m, 2, 3)
    return F.affine_grid(theta.flatten(0, 1), [theta.shape[0] * theta.shape[1], 1, *size], align_corners=False)


def _erase(rgb: Tensor, voxel: Tensor, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Blot out a rectangle of some clips, the same in both frames: one grey level in frames, no event in grids."""
    batch, side = rgb.shape[0], rgb.shape[-1]
    draw = torch.rand(batch, 6, generator=generator, device=rgb.device)
    at = (torch.arange(side, device=rgb.device) + 0.5) / side
    half = (0.05 + 0.2 * draw[:, 2:4]) * (draw[:, 4:5] < share)  # of the sides; 0 where nothing is erased
    inside = [((at - draw[:, i : i + 1]).abs() < half[:, i : i + 1]) for i in range(2)]  # 2 × (B, S)
    blot = (inside[0][:, :, None] & inside[1][:, None, :])[:, None, None]  # (B, 1, 1, S, S)
    return torch.where(blot, draw[:, 5].view(-1, 1, 1, 1, 1), rgb), voxel.masked_fill(blot, 0.0)
