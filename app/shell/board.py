"""The board of dockable panels: arranged by a layout, moved by hand, kept between runs, always in proportion."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QByteArray, QEvent, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QDockWidget, QMainWindow

from ..core.settings import Arrangement, seal, unseal
from ..panels.base import Panel
from .layouts import LAYOUTS, Group, leaves, sizes, without_absent

#: Raise it when saved arrangements would no longer fit the panels there are.
STATE_VERSION = 1
GAP = 8


class Board(QMainWindow):
    """Docks without a centre. Each panel's header is its dock's title bar: drag it to move the panel.

    Qt gives a resized window's docks the same number of pixels more or less, not the same share; so the board keeps
    the shares, as the layout or the user's hand set them, and applies them at every size.
    """

    #: Name of the layout now shown.
    arranged = Signal(str)
    #: A panel came into sight or went out of it; emitted once things stand.
    sight_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setWindowFlags(Qt.WindowType.Widget)
        self.setDockOptions(self.DockOption.AllowNestedDocks | self.DockOption.AllowTabbedDocks)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.docks: dict[str, QDockWidget] = {}
        self.layout_name = ""
        self._extra: dict[str, list[str]] = {name: [] for name in LAYOUTS}
        self._shares: dict[str, tuple[float, float]] = {}
        self._fitted = QSize()
        self._arranging = False
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.timeout.connect(self.sight_changed)

    def add(self, panel: Panel) -> QAction:
        """Take a panel in; it shows where a layout's table names its key, else at the right end of its ``layouts``.

        Returns:
            The action that shows and hides it.
        """
        key = panel.key
        dock = QDockWidget(panel.title)
        dock.setObjectName(key)
        dock.setFeatures(dock.DockWidgetFeature.DockWidgetMovable | dock.DockWidgetFeature.DockWidgetClosable)
        dock.setTitleBarWidget(panel.head)
        dock.setWidget(panel)
        dock.setSizePolicy(panel.sizePolicy())
        dock.installEventFilter(self)
        dock.visibilityChanged.connect(lambda _: self._settled.start())
        self.docks[key] = dock
        for name in panel.layouts:
            if key not in leaves(LAYOUTS[name]):
                self._extra[name].append(key)
        self.addDockWidget(Qt.DockWidgetArea.TopDockWidgetArea, dock)
        dock.hide()
        return dock.toggleViewAction()

    def tree(self, name: str) -> str | Group:
        """Return the layout as it is by default, with the panels there are."""
        tree = LAYOUTS[name]
        if self._extra[name]:
            tree = Group("row", ((tree, 3.0), (Group("column", tuple((key, 1.0) for key in self._extra[name])), 1.0)))
        found = without_absent(tree, set(self.docks))
        assert found is not None
        return found

    def arrange(self, name: str, left: Arrangement | None = None) -> None:
        """Show a layout: as it was ``left``, if that is known and fits, else as it is by default."""
        self.setUpdatesEnabled(False)
        self.layout_name, self._arranging = name, True
        self._fitted = QSize()  # nothing that moves now is the user's doing
        state = QByteArray(unseal(left.state)) if left is not None else QByteArray()
        if left is None or state.isEmpty() or not self.restoreState(state, STATE_VERSION):
            self._place(self.tree(name))
            room = QSize(1000, 1000) if self.size().isEmpty() else self.size()
            wanted = sizes(self.tree(name), room.width(), room.height(), GAP)
            self._shares = {key: (w / room.width(), h / room.height()) for key, (w, h) in wanted.items()}
        else:
            self._shares = dict(left.shares)
            # Qt leaves docks of the layout before among those that it restores.
            shown = left.shown or leaves(self.tree(name))
            for key in self.docks.keys() - set(shown):
                self.removeDockWidget(self.docks[key])
        self._arranging = False
        self._fit()
        self.setUpdatesEnabled(True)
        self.arranged.emit(name)

    def arrangement(self) -> Arrangement:
        """Return how the layout now shown stands."""
        shown = tuple(key for key, dock in self.docks.items() if not dock.isHidden())
        return Arrangement(seal(bytes(self.saveState(STATE_VERSION).data())), dict(self._shares), shown)

    def _place(self, tree: str | Group) -> None:
        for dock in self.docks.values():
            self.removeDockWidget(dock)
        shown = leaves(tree)
        self.addDockWidget(Qt.DockWidgetArea.TopDockWidgetArea, self.docks[shown[0]])
        self._split(tree)
        for key in shown:
            self.docks[key].show()

    def _split(self, node: str | Group) -> None:
        """Put the first panel of each part beside that of the part before, then go into the parts."""
        if isinstance(node, str):
            return
        firsts = [self.docks[leaves(part)[0]] for part, _ in node.parts]
        for before, dock in pairwise(firsts):
            self.splitDockWidget(before, dock, node.orientation)
        for part, _ in node.parts:
            self._split(part)

    def _shown(self) -> list[str]:
        # The docks of an untouched tab lie outside the board.
        return [k for k, d in self.docks.items() if not d.isHidden() and d.x() >= 0 and k in self._shares]

    def _fit(self) -> None:
        if self._arranging or self.size().isEmpty() or not self.isVisible():
            return
        self._fitted = QSize()
        keys = self._shown()
        docks = [self.docks[key] for key in keys]
        for orientation, side, room in (
            (Qt.Orientation.Horizontal, 0, self.width()),
            (Qt.Orientation.Vertical, 1, self.height()),
        ):
            self.resizeDocks(docks, [max(1, round(self._shares[key][side] * room)) for key in keys], orientation)
        if (layout := self.layout()) is not None:
            layout.activate()
        self._fitted = self.size()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # A dock that changes while the board keeps its size was moved by hand, or a neighbour of it was.
        if event.type() == QEvent.Type.Resize and self.size() == self._fitted:
            for key, dock in self.docks.items():
                if dock is watched:
                    self._shares[key] = dock.width() / self.width(), dock.height() / self.height()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fit()
