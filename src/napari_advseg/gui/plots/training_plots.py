"""The training plots side by side, with the values under the pointer and saving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path

import pyqtgraph as pg
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QToolButton, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_advseg.core.runtime.errors import short_reason
from napari_advseg.core.runtime.events import Alarm, Validated
from napari_advseg.core.runtime.scores import DiscriminatorStatistics
from napari_advseg.gui.widgets.focus_ring import FocusRing
from napari_advseg.gui.widgets.qt_types import add_action
from napari_advseg.gui.widgets.theme import theme_colours

from .export import history_csv, write_png, write_svg
from .f1_choice import F1Choice
from .health_pane import WHAT, HealthPane
from .health_series import health_sentence
from .pane import PlotPane
from .series import ACCURACY_SERIES, F1_SERIES, best_sentence, nearest_index, validation_sentence

_HOW = (
    "Point, or press an arrow key, to read values; right click, or Enter, to save; + and − zoom, 0 shows "
    "the whole run."
)


class TrainingPlots(QWidget):
    """Live curves of a run: F1 of S and G/S on the left, accuracy of D and G/D on the right.

    Further right is D's health, once `show_health` asks for it. Hue tells the network (blue S, orange G/S),
    line style tells training (thin, dashed) from validation (bold). A line of text below reads the
    validation nearest to the pointer, and the best F1 otherwise.

    Parameters
    ----------
    theme_id : str
        napari's theme; see `set_theme`.
    parent : QWidget, optional
    """

    def __init__(self, theme_id: str = "dark", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme_colours(theme_id)
        self._history: list[Validated] = []
        self._marks: tuple[tuple[int, float], ...] = ()
        self._follow = True
        self._pointed: float | None = None
        self._pointed_in: PlotPane | None = None
        self.f1 = PlotPane(
            "f1_plot", "F1", F1_SERIES, self._theme, "no F1 in this run", mark_best=True
        )
        self.accuracy = PlotPane(
            "accuracy_plot",
            "accuracy",
            ACCURACY_SERIES,
            self._theme,
            "no discriminator in this run",
            mark_best=False,
        )
        self.health = HealthPane(self._theme)
        for pane, what in (
            (self.f1, "F1 of S and G/S on training and validation slices"),
            (self.accuracy, "Accuracy of D, and share of G/S's masks that D takes for true"),
            (self.health, WHAT),
        ):
            pane.plot.setToolTip(f"{what}. {_HOW}")
            pane.plot.setAccessibleName(what)
        self._panes: tuple[PlotPane, ...] = (self.f1, self.accuracy, self.health)
        self._linked = LinkedUpdates([pane.plot for pane in self._panes])
        self.readout = QElidingLabel()
        self.readout.setObjectName("plot_values")
        self.readout.setToolTip(
            "Values of the validation nearest to the pointer; otherwise the best"
        )
        self.f1_choice = F1Choice()
        FocusRing(self)
        self.menu = QMenu(self)
        self._menu_button = QToolButton()
        self._fill_menu()
        self._lay_out()
        self.health.hide()  # until it is known that there is a D
        self._set_small_font()
        self._connect()
        self._refresh()

    def clear(self) -> None:
        """Forget all validations and λ marks."""
        self._history = []
        self._follow = True
        self.health.forget_live()
        self.health.set_alarms(())
        self.set_marks(())
        self._refresh()

    def set_history(self, history: Sequence[Validated]) -> None:
        """Show these validations and no others."""
        self._history = list(history)
        if not self._history:
            self.health.forget_live()
        self._refresh()

    def add(self, validated: Validated) -> None:
        """Show one validation more."""
        self._history.append(validated)
        self._refresh()

    def history(self) -> tuple[Validated, ...]:
        """The validations shown."""
        return tuple(self._history)

    def set_marks(self, marks: tuple[tuple[int, float], ...]) -> None:
        """Mark where λ, the weight of the adversarial term, changes, as (update, λ)."""
        self._marks = tuple(marks)
        for pane in self._panes:
            pane.set_marks(self._marks)

    def show_health(self, on: bool) -> None:
        """Show or hide D's health; a run of S alone has no D."""
        self.health.setVisible(on)

    def set_alarms(self, alarms: Sequence[Alarm]) -> None:
        """Shade the updates at which an alarm lasted, in the plot of D's health."""
        self.health.set_alarms(alarms)
        self._point(self._pointed)

    def add_live(self, update: int, health: DiscriminatorStatistics[float]) -> None:
        """Show how D does at the update at work; nothing known means that another run begins."""
        if not health.known:
            self.health.forget_live()
            self._draw()
        elif self.health.add_live(update, health):
            self._draw()

    def set_fit(self, fit: bool) -> None:
        """Let the vertical axes span the curves' own values instead of 0.5 to 1."""
        self._fit_action.setChecked(fit)

    def show_whole_run(self) -> None:
        """Undo zooming with the mouse and follow the run again."""
        self._follow = True
        self._refresh()

    def set_theme(self, theme_id: str) -> None:
        """Repaint in a napari theme's colours; connect with `theme.follow_theme`."""
        self._theme = theme_colours(theme_id)
        for pane in self._panes:
            pane.set_theme(self._theme)
        self._set_small_font()

    def save_png(self, path: str | PathLike[str]) -> None:
        """Save the plots as an image; raises `OSError` if the file cannot be written."""
        write_png(path, self.panes(), self._theme)

    def save_svg(self, path: str | PathLike[str]) -> None:
        """Save the plots as vectors; raises `OSError` if the file cannot be written."""
        write_svg(path, self.panes(), self._theme)

    def save_csv(self, path: str | PathLike[str]) -> None:
        """Save the validations under the columns of ``metrics.csv``, then D's health; may raise `OSError`."""
        Path(path).write_text(history_csv(self._history), encoding="utf-8", newline="")

    def panes(self) -> list[PlotPane]:
        """The plots that are shown."""
        return [pane for pane in self._panes if not pane.isHidden()]

    def _fill_menu(self) -> None:
        self._fit_action = add_action(self.menu, "Fit vertical axes to the curves")
        self._fit_action.setCheckable(True)
        self._fit_action.setToolTip("Off: 0.5 to 1")
        self._fit_action.toggled.connect(self._set_fit)
        whole = add_action(self.menu, "Show the whole run")
        whole.triggered.connect(self.show_whole_run)
        self.menu.addSeparator()
        for kind, save in (
            ("PNG", self.save_png),
            ("SVG", self.save_svg),
            ("CSV", self.save_csv),
        ):
            action = add_action(self.menu, f"Save as {kind}…")
            action.triggered.connect(lambda _=False, k=kind, s=save: self._ask_and_save(k, s))
        self._menu_button.setObjectName("plot_menu")
        self._menu_button.setText("Plots ▾")
        self._menu_button.setToolTip("Fit the axes, or save the plots as PNG, SVG or CSV")
        self._menu_button.setMenu(self.menu)
        self._menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu_button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def _lay_out(self) -> None:
        plots = QHBoxLayout()
        plots.setSpacing(6)
        for pane in self._panes:
            plots.addWidget(pane, 1)
        below = QHBoxLayout()
        below.setSpacing(6)
        below.addWidget(self.readout, 1)
        below.addWidget(self.f1_choice)
        below.addWidget(self._menu_button)
        below.setContentsMargins(8, 0, 2, 0)  # not the readout's own, which would be cut instead
        column = QVBoxLayout(self)
        column.setContentsMargins(2, 2, 2, 2)
        column.setSpacing(0)
        column.addLayout(plots, 1)
        column.addLayout(below)

    def _set_small_font(self) -> None:
        """Take all text a point below napari's: the plots are wide and low."""
        size = max(self._theme.font_size - 1, 6)
        for pane in self._panes:
            pane.set_font_size(size)
        # napari's style sheet decides the font, so a font set on the widget would be overruled.
        self.readout.setStyleSheet(f"font-size: {size}pt;")
        self.f1_choice.setStyleSheet(f"QComboBox {{ font-size: {size}pt; padding: 1px 4px; }}")
        self._menu_button.setStyleSheet(
            f"QToolButton {{ font-size: {size}pt; }} QToolButton::menu-indicator {{ image: none; }}"
        )

    def _connect(self) -> None:
        for pane in self._panes:
            pane.pointed.connect(lambda update, pane=pane: self._point_in(pane, update))
            pane.zoomed.connect(self._zoomed)
            pane.wholeRunAsked.connect(self.show_whole_run)
            pane.menuAsked.connect(self.menu.popup)
        self.f1_choice.chosen.connect(self._show_class)

    def _show_class(self, name: str | None) -> None:
        self.f1.show_class(name, self._follow)
        self._point(self._pointed)

    def _refresh(self) -> None:
        self.f1_choice.show_history(self._history)
        self._draw()
        self._point(self._pointed)

    def _draw(self) -> None:
        reach = self.health.live[-1][0] if self.health.live else 0
        for pane in self._panes:
            pane.show_history(self._history, self._follow, reach)

    def _zoomed(self) -> None:
        self._follow = False

    def _set_fit(self, fit: bool) -> None:
        self._follow = True
        for pane in self._panes:
            pane.set_fit(fit)

    def _point_in(self, pane: PlotPane, update: float | None) -> None:
        self._pointed_in = pane
        self._point(update)

    def _point(self, update: float | None) -> None:
        """Read the validation nearest to `update` into the text line, the best one if None."""
        self._pointed = update
        updates = [validated.update for validated in self._history]
        index = None if update is None else nearest_index(updates, update)
        for pane in self._panes:
            pane.set_cursor(None if index is None else updates[index])
        of_class = self.f1.of_class
        alarm = ""
        if index is None:
            words = best_sentence(self._history, of_class)
        elif self._pointed_in is self.health:
            alarm = self.health.words_at(update)
            words = f"{alarm}  {health_sentence(self._history[index])}".strip()
        else:
            words = validation_sentence(self._history[index], of_class)
        self.readout.setText(words)
        self.health.plot.setToolTip(alarm or f"{WHAT}. {_HOW}")

    def _ask_and_save(self, kind: str, save: Callable[[str], None]) -> None:
        suffix = kind.lower()
        path, _ = QFileDialog.getSaveFileName(
            self, f"Save the plots as {kind}", f"training.{suffix}", f"{kind} (*.{suffix})"
        )
        if not path:
            return
        target = Path(path) if Path(path).suffix else Path(path).with_suffix(f".{suffix}")
        try:
            save(str(target))
        except OSError as error:
            self.readout.setText(
                f"The plots were not saved: {target} cannot be written ({short_reason(error)})."
            )
        else:
            self.readout.setText(f"Saved {target}.")


class LinkedUpdates:
    """Lets plots show the same updates, whichever of them is moved or scaled.

    Parameters
    ----------
    plots : sequence of pyqtgraph.PlotWidget
    """

    def __init__(self, plots: Sequence[pg.PlotWidget]) -> None:
        self._views = [plot.getViewBox() for plot in plots]
        self._following = False
        for view in self._views:
            view.sigXRangeChanged.connect(self._follow)

    def _follow(self, moved: pg.ViewBox, span: Sequence[float]) -> None:
        if self._following:
            return
        self._following = True
        try:
            for view in self._views:
                if view is not moved:
                    view.setXRange(*span, padding=0)
        finally:
            self._following = False
