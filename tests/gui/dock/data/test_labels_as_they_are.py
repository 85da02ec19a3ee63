"""Labels as users have them, by mouse and keys: objects, strokes of one class, empty slices, New."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QInputDialog, QLabel, QLineEdit, QMenu, QWidget

from napari_advseg.app.state.looked_for import remembered_names
from napari_advseg.app.state.model import RunInfo
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.gui.dock.data.slice_strip import SliceStrip
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from support.new_annotation import choose_new, click_new

LEFT = Qt.MouseButton.LeftButton
SHAPE = (6, 64, 64)


@pytest.fixture
def dock(viewer, qtbot):
    viewer.add_image(np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8), name="em")
    dock = AdversarialSegmentation(viewer)
    viewer.window.add_dock_widget(dock, name="Adversarial Segmentation", area="right")
    qtbot.waitUntil(dock.isVisible)
    return dock


def part(dock, role, kind=QWidget):
    found = dock.findChild(kind, role)
    assert found is not None, role
    return found


def objects():
    """Fifty numbered objects on slices 0 to 3, of which some touch."""
    labels = np.zeros(SHAPE, np.uint16)
    for number in range(50):
        z, y, x = number % 4, 4 + number // 4 % 4 * 14, 2 + number // 16 * 15
        labels[z, y : y + 10, x : x + 15] = number + 1
    return labels


def shares(dock):
    return () if dock.model.summary is None else dock.model.summary.share_labelled


def click_offer(qtbot, dock, role):
    qtbot.waitUntil(part(dock, role).isVisible)
    qtbot.mouseClick(part(dock, role), LEFT)


def choose_in_strip(qtbot, dock, z, word):
    """Open the menu over a slice by the keyboard and choose an entry with the arrow keys."""
    strip = part(dock, "slices", SliceStrip)
    qtbot.mouseClick(strip, LEFT, pos=strip.cell_rect(z).center())
    qtbot.keyClick(strip, Qt.Key.Key_Return)
    qtbot.waitUntil(strip.menu.isVisible)
    entry = next(one for one in strip.menu.actions() if one.text().startswith(word))
    while strip.menu.activeAction() is not entry:
        qtbot.keyClick(strip.menu, Qt.Key.Key_Down)
    qtbot.keyClick(strip.menu, Qt.Key.Key_Return)


# ---- objects


def test_one_click_makes_objects_and_background_of_instance_labels(qtbot, viewer, dock):
    layer = viewer.add_labels(objects(), name="instances")
    click_offer(qtbot, dock, "classes_objects")
    qtbot.waitUntil(lambda: str(dock.model.summary.classes) == "object=objects,background=0")
    assert shares(dock) == (1, 1, 1, 1, 0, 0)
    assert dock.model.summary.split.train
    assert not part(dock, "classes_objects").isVisible()
    note = part(dock, "classes_note", QLabel).text()
    assert (
        "2 of 6 slices are 0 throughout and unannotated: mark those that are all background" in note
    )
    background, one, other = layer.colormap.map(np.array([0, 3, 50], np.uint16))
    assert background[3] == 0 < one[3]
    assert tuple(one) == tuple(other)
    assert part(dock, "class_values_0", QLineEdit).text() == "objects"


def test_borders_of_objects_become_a_class_by_the_menu(qtbot, viewer, dock):
    viewer.add_labels(objects(), name="instances")
    click_offer(qtbot, dock, "classes_objects")
    qtbot.waitUntil(lambda: dock.model.summary.classes is not None)
    qtbot.mouseClick(part(dock, "class_0"), LEFT)
    qtbot.mouseClick(part(dock, "class_more"), LEFT)
    menu = part(dock, "class_menu", QMenu)
    qtbot.waitUntil(menu.isVisible)
    borders = next(a.menu() for a in menu.actions() if a.text() == "Borders of objects")
    assert [a.isChecked() for a in borders.actions()] == [True, False, False, False]
    next(a for a in borders.actions() if a.text() == "membrane around all objects").trigger()
    menu.close()
    text = "object=objects,background=0,membrane=borders"
    qtbot.waitUntil(lambda: str(dock.model.summary.classes) == text)
    assert dock.model.summary.pixels_of_class[2] > 0


def test_a_new_object_is_painted_with_a_label_of_its_own(qtbot, viewer, dock):
    layer = viewer.add_labels(objects(), name="instances")
    click_offer(qtbot, dock, "classes_objects")
    qtbot.waitUntil(lambda: dock.model.summary.classes is not None)
    qtbot.mouseClick(part(dock, "class_0"), LEFT)
    assert layer.selected_label == 51


# ---- strokes of one class


def test_strokes_of_one_class_ask_whether_0_is_a_class(qtbot, viewer, dock):
    layer = viewer.add_labels(np.zeros(SHAPE, np.uint8), name="strokes")
    layer.paint((2, 20, 30), 1)
    click_offer(qtbot, dock, "classes_strokes")
    qtbot.waitUntil(lambda: dock.model.summary.classes is not None)
    assert str(dock.model.summary.classes) == "object=1,background=2"
    assert 0 < shares(dock)[2] < 0.1
    assert not part(dock, "start").isEnabled()
    choose_in_strip(qtbot, dock, 4, "Nothing here: all background")
    qtbot.waitUntil(lambda: shares(dock)[4] == 1)
    assert (layer.data[4] == 2).all()


def test_a_mask_of_few_objects_is_one_click_away_too(qtbot, viewer, dock):
    labels = np.where(objects() > 40, 255, 0).astype(np.uint8)
    viewer.add_labels(labels, name="mask")
    click_offer(qtbot, dock, "classes_objects")
    qtbot.waitUntil(lambda: dock.model.summary.classes is not None)
    assert dock.model.summary.classes_present == 2


# ---- slices of one class


def test_slices_with_nothing_are_marked_in_the_strip_and_undone(qtbot, viewer, dock):
    layer = viewer.add_labels(objects(), name="instances")
    click_offer(qtbot, dock, "classes_objects")
    qtbot.waitUntil(lambda: shares(dock) == (1, 1, 1, 1, 0, 0))
    choose_in_strip(qtbot, dock, 5, "Nothing here: all background")
    qtbot.waitUntil(lambda: shares(dock) == (1, 1, 1, 1, 0, 1))
    assert str(dock.model.summary.classes) == "object=objects,background=0+51"
    assert dock.model.summary.classes_of_slice[5] == (1,)
    assert 5 in dock.model.summary.split.val
    assert "Slice 5 is all background now; Ctrl+Z" in dock.model.status
    layer.undo()
    qtbot.waitUntil(lambda: shares(dock) == (1, 1, 1, 1, 0, 0))


def test_a_slice_can_be_wholly_object(qtbot, viewer, dock):
    layer = viewer.add_labels(objects(), name="instances")
    click_offer(qtbot, dock, "classes_objects")
    qtbot.waitUntil(lambda: shares(dock) == (1, 1, 1, 1, 0, 0))
    choose_in_strip(qtbot, dock, 4, "All of it is object")
    qtbot.waitUntil(lambda: dock.model.summary.classes_of_slice[4] == (0,))
    assert (layer.data[4] == 51).all()


def test_all_annotated_slices_train_by_the_menu_of_the_strip(qtbot, viewer, dock):
    viewer.add_labels(objects(), name="instances")
    click_offer(qtbot, dock, "classes_objects")
    qtbot.waitUntil(lambda: shares(dock) == (1, 1, 1, 1, 0, 0))
    said = part(dock, "held_out", QLabel)
    qtbot.waitUntil(lambda: "Slice 3 validates; the other 3 train. To train on all" in said.text())
    choose_in_strip(qtbot, dock, 0, "All annotated slices train: no F1")
    qtbot.waitUntil(lambda: dock.model.summary.split.val == ())
    assert dock.model.summary.split.train == (0, 1, 2, 3)
    assert part(dock, "split", QLabel).text() == "4 train, no validation: no F1"
    assert "validates" not in said.text()


# ---- New


def test_new_asks_what_is_looked_for_and_remembers_it(qtbot, viewer, dock):
    click_new(qtbot, dock, "Mitochondria")
    qtbot.waitUntil(
        lambda: [r.name for r in dock.model.class_list.rows] == ["mitochondrion", "background"]
    )
    qtbot.waitUntil(
        lambda: "Paint mitochondrion and background" in part(dock, "next_step", QLabel).text()
    )
    assert remembered_names() == ("mitochondrion", "background")
    said = " ".join(label.text() for label in dock.findChildren(QLabel) if label.isVisible())
    said += " ".join(one.toolTip() for one in dock.findChildren(QWidget) if one.isVisible())
    assert "membrane" not in said
    assert "cell" not in said.split()
    button = part(dock, "new_annotation")
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_Space)
    menu = part(dock, "new_annotation_menu", QMenu)
    qtbot.waitUntil(menu.isVisible)
    assert menu.activeAction().text().startswith("Mitochondria")
    qtbot.keyClick(menu, Qt.Key.Key_Escape)


def test_new_takes_other_names_and_refuses_one_alone(qtbot, viewer, dock):
    typed = ["vesicle", "vesicle, cleft, background"]

    def answer():
        box = QApplication.activeModalWidget()
        if not isinstance(box, QInputDialog):
            QTimer.singleShot(50, answer)
            return
        field = box.findChild(QLineEdit)
        field.selectAll()
        qtbot.keyClicks(field, typed.pop(0))
        if typed:
            QTimer.singleShot(50, answer)
        else:
            assert "At least two classes are needed" in box.labelText()
        qtbot.keyClick(field, Qt.Key.Key_Return)

    QTimer.singleShot(50, answer)
    click_new(qtbot, dock, "Other names")
    qtbot.waitUntil(lambda: len(dock.model.class_list.rows) == 3)
    assert [row.name for row in dock.model.class_list.rows] == ["vesicle", "cleft", "background"]


def test_classes_of_a_run_are_offered_to_the_next_annotation(qtbot, viewer, dock):
    dock.model.run = RunInfo(None, classes=ClassMap.of(synapse=1, vesicle=2, rest=3))
    button = part(dock, "new_annotation")
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_Space)
    choose_new(qtbot, dock, "As in this run: synapse / vesicle / rest")
    qtbot.waitUntil(lambda: len(dock.model.class_list.rows) == 3)
    assert str(dock.model.summary.classes) == "synapse=1,vesicle=2,rest=3"
