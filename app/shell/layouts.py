"""Which panel stands where: three layouts as trees of rows and columns, and where an added panel goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from PySide6.QtCore import Qt


@dataclass(frozen=True)
class Group:
    """A row (or column) of nodes side by side (or one above another), each with its share of the room."""

    direction: Literal["row", "column"]
    parts: tuple[tuple[str | Group, float], ...] = field(default=())

    @property
    def orientation(self) -> Qt.Orientation:
        """Horizontal for a row."""
        return Qt.Orientation.Horizontal if self.direction == "row" else Qt.Orientation.Vertical


def row(*parts: tuple[str | Group, float]) -> Group:
    """Return ``parts``, each ``(node, share)``, side by side."""
    return Group("row", parts)


def column(*parts: tuple[str | Group, float]) -> Group:
    """Return ``parts``, each ``(node, share)``, one above another."""
    return Group("column", parts)


#: Panels that are not there are left out and their room goes to their neighbours.
LAYOUTS: dict[str, Group] = {
    "Demo": column(
        (
            row(
                (column(("camera", 33), ("voxels", 20)), 41),
                (column(("heatmaps", 33), ("experts", 20)), 43),
                (column(("emotions", 33), ("balance", 20)), 40),
            ),
            53,
        ),
        ("recent", 16),
    ),
    "Explain": column(
        (
            row(
                (column(("heatmaps", 31), ("readings", 22)), 43),
                (column(("experts", 31), ("shares", 22)), 44),
                (column(("emotions", 31), ("balance", 22)), 37),
            ),
            57,
        ),
        ("whole_recording", 14),
    ),
    "Lighting": column(
        (row(("lighting", 84), (column(("emotions", 30), ("compare", 25)), 40)), 55),
        ("recent", 14),
    ),
}


def without_absent(node: str | Group, present: set[str]) -> str | Group | None:
    """Return ``node`` with only the panels named in ``present``; None if nothing is left."""
    if isinstance(node, str):
        return node if node in present else None
    kept = [(part, share) for child, share in node.parts if (part := without_absent(child, present)) is not None]
    if len(kept) < 2:
        return kept[0][0] if kept else None
    return Group(node.direction, tuple(kept))


def leaves(node: str | Group) -> list[str]:
    """Return the keys of all panels in ``node``, first to last."""
    return [node] if isinstance(node, str) else [key for part, _ in node.parts for key in leaves(part)]


def sizes(node: str | Group, width: float, height: float, gap: float) -> dict[str, tuple[float, float]]:
    """Return each panel's ``(width, height)``, px, when ``node`` fills so much room with ``gap`` px between parts."""
    if isinstance(node, str):
        return {node: (width, height)}
    total = sum(share for _, share in node.parts)
    room = (width if node.direction == "row" else height) - gap * (len(node.parts) - 1)
    out: dict[str, tuple[float, float]] = {}
    for part, share in node.parts:
        length = room * share / total
        across = (length, height) if node.direction == "row" else (width, length)
        out |= sizes(part, *across, gap)
    return out
