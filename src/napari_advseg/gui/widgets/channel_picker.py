"""Which further image layers are channels of the chosen image: a button with a menu of them."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMenu, QToolButton, QWidget

from napari_advseg.app.state.run_form import LayerInfo


class ChannelPicker(QToolButton):
    """Names the number of channels; its menu ticks the layers that are further ones.

    Emits `channelsPicked` with the keys of the ticked layers when a person ticks one. It is there
    only where a layer of the image's shape is.
    """

    channelsPicked = Signal(tuple)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self._menu.triggered.connect(self._picked)
        self.setMenu(self._menu)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setChannels([], ())

    def setChannels(self, possible: list[LayerInfo], chosen: tuple[str, ...]) -> None:
        """Show the layers that could be channels, and which are."""
        if [(a.data(), a.text()) for a in self._menu.actions()] != [
            (one.key, one.name) for one in possible
        ]:
            self._menu.clear()
            for one in possible:
                action = self._menu.addAction(one.name)
                if action is not None:
                    action.setData(one.key)
                    action.setCheckable(True)
        for action in self._menu.actions():
            action.setChecked(action.data() in chosen)
        self.setText(f"{1 + len(chosen)} channels" if chosen else "1 channel")
        self.setVisible(bool(possible))

    def _picked(self) -> None:
        keys = tuple(a.data() for a in self._menu.actions() if a.isChecked())
        self.channelsPicked.emit(keys)
