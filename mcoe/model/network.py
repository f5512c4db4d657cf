"""MCO-E Net: two backbones and the head."""

from __future__ import annotations

from torch import Tensor, nn

from mcoe.model.config import Modality, ModelConfig
from mcoe.model.head import Head, HeadOutput
from mcoe.model.mamba import MJOS
from mcoe.model.resnet import Maps, ResNet18
from mcoe.model.scan import resolve_scan


class MCOENet(nn.Module):
    """The whole network; ``backbone_rgb``, ``backbone_event`` and ``head`` can each run by themselves.

    One backbone per modality, shared over time, so that live inference keeps the older frame's maps. For inference
    call ``net.eval().requires_grad_(False)``: Grad-CAM then costs the gradients of the maps alone.

    Attributes:
        scan_name: the scan backend in use, ``torch`` until :meth:`use_scan` says otherwise.
    """

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        c = self.config = config or ModelConfig()
        self.backbone_rgb: ResNet18 | None = None
        self.backbone_event: ResNet18 | None = None
        if "rgb" in c.modalities:
            self.backbone_rgb = ResNet18(c.rgb_mean, c.rgb_std, c.rgb_norm)
        if "event" in c.modalities:
            self.backbone_event = ResNet18([0.0] * c.bins, [c.event_std] * c.bins, c.event_norm, centred=False)
        self.head = Head(c)
        self.scan_name = "torch"

    def use_scan(self, name: str = "auto") -> str:
        """Choose the scan backend for the device that the network is on; returns its name.

        Raises:
            McoeError: as :func:`mcoe.model.scan.resolve_scan`.
        """
        self.scan_name, scan = resolve_scan(name, self.head.position.device)
        for module in self.modules():
            if isinstance(module, MJOS):
                module.scan = scan
        return self.scan_name

    def backbone(self, modality: Modality) -> ResNet18:
        """The backbone of ``modality``; ValueError where the config has none."""
        net = self.backbone_rgb if modality == "rgb" else self.backbone_event
        if net is None:
            raise ValueError(f"a network with modality={self.config.modality} has no {modality} backbone")
        return net

    def features(self, modality: Modality, images: Tensor) -> Maps:
        """Stage-3 and stage-4 maps of ``(B, C, S, S)`` float32: RGB in 0..1, or voxel grids."""
        maps: Maps = self.backbone(modality)(images)
        return maps

    def forward(
        self,
        rgb: Tensor | None,
        event: Tensor | None,
        rgb_present: Tensor | None = None,
        event_present: Tensor | None = None,
    ) -> HeadOutput:
        """Read ``(B, m, 3, S, S)`` RGB in 0..1 and ``(B, m, N_b, S, S)`` voxel grids, older frame first.

        Presence masks and None as in :meth:`mcoe.model.head.Head.forward`.
        """
        output: HeadOutput = self.head(
            self._stage4("rgb", rgb), self._stage4("event", event), rgb_present, event_present
        )
        return output

    def _stage4(self, modality: Modality, images: Tensor | None) -> Tensor | None:
        if images is None or modality not in self.config.modalities:
            return None
        maps = self.features(modality, images.flatten(0, 1)).stage4  # (B·m, 512, h, w)
        return maps.view(*images.shape[:2], *maps.shape[1:])  # (B, m, 512, h, w)
