"""Drive the real window with mouse and keys, as a person would: for the scripts that make the pictures.

The system's file dialogs alone are not driven: what they would answer is said beforehand (`answer`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic
from typing import Any

import napari
import numpy as np
from PIL import Image
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel, QMenu, QScrollArea, QWidget

from napari_advseg.app.state.model import RunState
from napari_advseg.gui.dock.data.slice_strip import SliceStrip
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.widgets import dialogs
from napari_advseg.gui.widgets.section import Section
from napari_advseg.gui.window.viewer_session import session_of

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "isbi2012"
IMAGES = ROOT / "docs" / "images"
SIZE = (1280, 800)
LEFT = Qt.MouseButton.LeftButton
FREQUENT, VIVID, RARE = 112, 64, 80
"""Colours of a picture's palette: the most frequent ones as they are; the most frequent saturated ones, such as
those of thin curves; and of the others each counted once, so that a rare one stays near what it is."""
SATURATED = 60
"""Difference of a colour's largest and smallest part."""
STEP = 3.0
"""Canvas pixels between two mouse events of a stroke."""


def of_few_colours(pixels: np.ndarray) -> Image.Image:
    """A picture with a palette, a third of the size; every pixel takes the nearest colour of it."""
    flat = pixels.reshape(-1, 3).astype(np.int64)
    _, first, back, counts = np.unique(
        flat @ (65536, 256, 1), return_index=True, return_inverse=True, return_counts=True
    )
    colours, by_count = flat[first], np.argsort(-counts)
    palette, rest = colours[by_count[:FREQUENT]], by_count[FREQUENT:]
    vivid = np.ptp(colours[rest], axis=1) > SATURATED
    palette = np.concatenate([palette, colours[rest[vivid][:VIVID]]])
    others = colours[np.concatenate([rest[vivid][VIVID:], rest[~vivid]])]
    others = others.astype(np.uint8)[np.newaxis]
    if others.size:
        rare = Image.fromarray(others).quantize(RARE).getpalette() or []
        palette = np.concatenate([palette, np.reshape(rare[: 3 * RARE], (-1, 3))])
    nearest = [np.argmin(((palette - one) ** 2).sum(axis=1)) for one in colours]
    picture = Image.fromarray(np.array(nearest, np.uint8)[back].reshape(pixels.shape[:2]), "P")
    picture.putpalette(palette.astype(np.uint8).ravel().tolist())
    return picture


def require_isbi() -> None:
    """End the script if the ISBI 2012 challenge's files are not where they are looked for."""
    if not DATA.is_dir():
        sys.exit(f"{DATA} is missing: put the ISBI 2012 challenge's files there.")


class Window:
    """napari with the dock, empty; nobody's own folders are looked into or written (Linux)."""

    def __init__(self, theme: str = "dark", size: tuple[int, int] = SIZE) -> None:
        os.environ["XDG_DATA_HOME"] = mkdtemp()
        self.viewer = napari.Viewer(title="napari-advseg")
        self.viewer.theme = theme
        self.viewer.window.resize(*size)
        self.dock = AdversarialSegmentation(self.viewer)
        self.viewer.window.add_dock_widget(self.dock, name="Adversarial Segmentation")
        session = session_of(self.viewer)
        self.controller, self.model, self.adapter = (
            session.controller, session.model, session.adapter,
        )  # fmt: skip
        self.controller.keep.set_runs_folder(Path(mkdtemp()) / "runs")
        QTest.qWait(1500)

    # ---- waiting and looking

    def wait(self, condition: Callable[[], Any], seconds: float = 60.0) -> None:
        """Let the window go on until something holds; end the script if it does not come."""
        end = monotonic() + seconds
        while not condition():
            if monotonic() > end:
                sys.exit(f"Waited {seconds:.0f} s in vain; the dock says: {self.words()}")
            QTest.qWait(50)

    def words(self) -> list[str]:
        """What the dock says at the moment, from top to bottom."""
        labels = [one for one in self.dock.findChildren(QLabel) if one.isVisible() and one.text()]
        labels.sort(key=lambda one: one.mapTo(self.dock, QPoint()).y())
        return [one.text().replace("\u200b", "") for one in labels]

    def says(self, role: str) -> str:
        """What one label of the dock says; empty if it is hidden."""
        label = self.dock.findChild(QLabel, role)
        return label.text().replace("\u200b", "") if label is not None and label.isVisible() else ""

    def photograph(self, path: Path, *, settle: int = 800) -> None:
        """Keep the window as a PNG of few colours, once it has been drawn."""
        QTest.qWait(settle)
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = of_few_colours(self.viewer.screenshot(canvas_only=False, flash=False)[..., :3])
        picture.save(path, optimize=True)
        name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        print(f"{name}: {picture.width} × {picture.height}", flush=True)

    # ---- the dock

    def part(self, role: str) -> QWidget:
        """A control of the dock, its section opened, scrolled into sight."""
        found = self.dock.findChild(QWidget, role)
        if found is None:
            sys.exit(f"The dock has no {role}.")
        area, above = self.dock.findChild(QScrollArea), found.parentWidget()
        while above is not None and not isinstance(above, Section):
            above = above.parentWidget()
        if above is not None and not above.is_open:
            QTest.mouseClick(above.heading, LEFT)
            QTest.qWait(30)
        if area.isAncestorOf(found):  # Start and what is below it are always in sight
            area.ensureWidgetVisible(found)
        QTest.qWait(30)
        return found

    def scroll_to(self, role: str) -> None:
        """Bring a control to the upper end of the dock."""
        area = self.dock.findChild(QScrollArea)
        place = self.part(role).mapTo(area.widget(), QPoint(0, -8))
        area.verticalScrollBar().setValue(place.y())

    def click(self, role: str) -> None:
        """Click a control in its middle; a checkbox on its box."""
        part = self.part(role)
        self.wait(part.isEnabled)
        x = 8 if part.inherits("QCheckBox") else part.width() // 2
        QTest.mouseClick(part, LEFT, pos=QPoint(x, part.height() // 2))
        QTest.qWait(100)

    def choose_new(self, title: str) -> None:
        """Click New and an entry of its menu."""
        self.click("new_annotation")
        menu = self.dock.findChild(QMenu, "new_annotation_menu")
        self.wait(menu.isVisible)
        entry = next(one for one in menu.actions() if one.text().startswith(title))
        QTest.mouseClick(menu, LEFT, pos=menu.actionGeometry(entry).center())

    def open_by(self, dialog: str, path: Path) -> None:
        """Open a stack by the first button, whose menu asks for a folder."""
        self.answer(dialog, path)
        button = self.part("open_stack")
        if dialog == "ask_file":
            self.click("open_stack")
        else:
            menu = button.menu()
            QTimer.singleShot(300, lambda: self._click_entry(menu, "Folder"))
            QTest.mouseClick(button, LEFT, pos=QPoint(button.width() - 6, button.height() // 2))
        self.wait(lambda: self.model.image is not None)
        QTest.qWait(300)

    def _click_entry(self, menu: QMenu, title: str) -> None:
        entry = next(one for one in menu.actions() if one.text().startswith(title))
        QTest.mouseClick(menu, LEFT, pos=menu.actionGeometry(entry).center())

    def type(self, role: str, text: str) -> None:
        """Take over a field's text with other keys and Return."""
        field = self.part(role)
        field.setFocus()
        QTest.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        QTest.keyClicks(field, text)
        QTest.keyClick(field, Qt.Key.Key_Return)
        QTest.qWait(100)

    def budget(self, amount: float, unit: str) -> None:
        """Choose how long to train; `unit` as the box beside the number has it, ``min`` or ``updates``."""
        box = self.part("budget_unit")
        box.setFocus()
        QTest.keyClicks(box, unit)
        self.type("budget", str(amount))
        if self.model.choices.budget.amount != amount:
            sys.exit(f"The budget is {self.model.choices.budget}.")

    def go_to(self, z: int) -> None:
        """Click a slice in the strip."""
        strip = self.part("slices")
        assert isinstance(strip, SliceStrip)
        QTest.mouseClick(strip, LEFT, pos=strip.cell_rect(z).center())
        self.wait(lambda: self.model.slice_in_view == z, 5)

    def answer(self, dialog: str, *answers: Any) -> None:
        """Say what a dialog of `napari_advseg.gui.widgets.dialogs` will answer, call by call."""
        left = list(answers)
        setattr(dialogs, dialog, lambda *_, **__: left.pop(0))

    # ---- the canvas

    @property
    def image_share(self) -> float:
        """Share of the window that the canvas covers, 0 to 1."""
        window = self.viewer.window._qt_window
        return self._canvas.width() * self._canvas.height() / (window.width() * window.height())

    def key(self, key: Qt.Key) -> None:
        """Press a key on the canvas."""
        QTest.keyClick(self._canvas, key)
        QTest.qWait(100)

    def brush(self, size: int) -> None:
        """Make the brush this large, with napari's keys [ and ]."""
        layer = self.viewer.layers.selection.active
        while layer.brush_size != size:
            larger = layer.brush_size < size
            before = layer.brush_size
            key = Qt.Key.Key_BracketRight if larger else Qt.Key.Key_BracketLeft
            QTest.keyClick(self._canvas, key)
            self.wait(lambda before=before: layer.brush_size != before, 5)

    def stroke(self, vertices: Sequence[tuple[int, int]]) -> None:
        """Drag the mouse over the image along vertices (x, y), in pixels of the slice in view."""
        places = [self._on_canvas(x, y) for x, y in vertices]
        points = [QPoint(*map(round, places[0]))]
        for (x0, y0), (x1, y1) in pairwise(places):
            steps = max(1, round(np.hypot(x1 - x0, y1 - y0) / STEP))
            line = zip(np.linspace(x0, x1, steps + 1), np.linspace(y0, y1, steps + 1), strict=True)
            points += [QPoint(round(x), round(y)) for x, y in line]
        canvas = self._canvas
        QTest.mouseMove(canvas, points[0])
        QTest.qWait(30)
        QTest.mousePress(canvas, LEFT, pos=points[0])
        for point in points[1:]:
            QTest.mouseMove(canvas, point)
            QTest.qWait(5)
        QTest.mouseRelease(canvas, LEFT, pos=points[-1])
        QTest.qWait(600)  # the annotation is read anew

    @property
    def _canvas(self) -> QWidget:
        return self.viewer.window._qt_viewer.canvas.native

    def _on_canvas(self, x: float, y: float) -> tuple[float, float]:
        """Where a pixel of the slice in view lies on the canvas."""
        image = next(
            one for one in self.viewer.layers if str(one.unique_id) == self.model.choices.image
        )
        world = image.data_to_world((self.model.slice_in_view, y, x))
        centre, zoom = self.viewer.camera.center, self.viewer.camera.zoom
        height, width = self._canvas.height(), self._canvas.width()
        return width / 2 + (world[2] - centre[2]) * zoom, height / 2 + (world[1] - centre[1]) * zoom

    # ---- a run

    def run_to_its_end(self, seconds: float = 900.0) -> None:
        """Press Start and wait until the whole stack is predicted."""
        self.wait(self.part("start").isEnabled, 30)
        self.click("start")
        self.wait(lambda: self.model.state is not RunState.IDLE, 30)
        self.wait(lambda: self.model.state is RunState.IDLE, seconds)
        print(self.says("status"), flush=True)
