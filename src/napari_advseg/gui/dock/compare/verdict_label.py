"""What a paired run says of its two networks, as words that can be selected and copied."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_advseg.app.messages.verdict_messages import verdict_words
from napari_advseg.app.state.model import AppModel
from napari_advseg.gui.widgets.qt_types import combined
from napari_advseg.gui.widgets.section import Sentence, follow

TIP = (
    "Usable: the mean F1 in the table's validation slices is at least 0.5. More than chance: the 95 % "
    "interval of the mean difference between G/S and S does not hold 0."
)


class VerdictLabel(Sentence):
    """The verdict; hidden until a paired run has ended or is loaded.

    Parameters
    ----------
    model : AppModel
    """

    def __init__(self, model: AppModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("verdict")
        self.setAccessibleName("verdict")
        self.setToolTip(TIP)
        self.setTextInteractionFlags(
            combined(
                Qt.TextInteractionFlag.TextSelectableByMouse,
                Qt.TextInteractionFlag.TextSelectableByKeyboard,
            )
        )
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._model = model
        events = model.events
        for signal in (events.verdict, events.slice_table, events.structure, events.state):
            follow(self, signal, self._show)

    def say(self, text: str) -> None:
        """Show it as it is: what is copied holds no places at which a line may end."""
        self.setText(text)
        self.setVisible(bool(text))

    def _show(self) -> None:
        # While a run trains its numbers stand in the status line; the verdict is of its end.
        self.say("" if self._model.busy else verdict_words(self._model))
