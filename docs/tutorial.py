"""Make the pictures of docs/tutorial.md: its ten minutes in the real window, with mouse and keys.

    QT_API=pyqt6 xvfb-run -a -s "-screen 0 1280x800x24" python docs/tutorial.py [--updates 110]

It opens ISBI 2012 from ../shared/data/isbi2012 and goes the tutorial's way: open, paint, train, look, correct,
train further, apply to the challenge's test volume, save. The strokes of the first run are those of
docs/first_run.py, those that correct are below.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import mkdtemp

from driving import DATA, IMAGES, LEFT, Window, require_isbi
from first_run import SHOWN, Stroke, asked_budget, open_isbi, paint
from qtpy.QtTest import QTest

from napari_advseg.app.state.model import RunState
from napari_advseg.gui.dock.compare.slice_table import SliceTableView

PICTURES = IMAGES / "tutorial"
WHILE = 6  # validation after which the running window is photographed
DISAGREE = 4  # column of the slice table
# fmt: off
MORE = (
    Stroke(5, "cell", 10, (
        (112, 150), (111, 153), (105, 155), (92, 166), (92, 177), (95, 180), (92, 180), (90, 184),
        (90, 236), (92, 238), (97, 235), (98, 237), (103, 237), (110, 243), (113, 256), (124, 256),
        (129, 255), (130, 252), (132, 254), (145, 249), (161, 231), (171, 228), (172, 223),
        (181, 213), (181, 209), (191, 200), (186, 192), (186, 187), (187, 182), (197, 175),
        (194, 173), (193, 163), (183, 146), (176, 141), (169, 140), (165, 135), (140, 150),
        (120, 200), (165, 180),
    )),
    Stroke(5, "cell", 10, (
        (37, 300), (65, 295), (85, 280), (105, 285), (95, 310), (55, 317),
    )),
    Stroke(5, "membrane", 5, (
        (122, 127), (121, 125), (119, 126), (108, 146), (102, 148), (86, 162), (82, 172),
        (85, 175), (83, 175), (82, 183), (84, 241), (82, 242), (84, 242), (86, 247), (101, 245),
        (103, 247), (101, 257), (112, 264), (115, 264), (115, 262), (115, 264), (129, 263),
        (140, 260), (143, 257), (150, 257), (151, 253), (160, 245), (165, 237), (171, 236),
        (178, 231), (178, 227), (188, 218), (188, 212), (193, 207), (202, 205), (205, 202),
        (205, 200), (202, 200), (205, 200), (205, 194), (200, 189), (203, 172), (198, 156),
        (185, 138), (172, 133), (165, 127),
    )),
)
# fmt: on


def photograph(window: Window, number: int, name: str) -> None:
    """Keep a picture, and print what the dock said in it, to be quoted."""
    window.photograph(PICTURES / f"{number}-{name}.png")
    print(*(f"    {line}" for line in window.words()), sep="\n", flush=True)


def train(window: Window, number: int) -> None:
    """Press Start, photograph the window at work, wait for the end."""
    window.wait(window.part("start").isEnabled, 30)
    window.click("start")
    window.wait(lambda: len(window.model.history) >= WHILE, 600)
    photograph(window, number, "training")
    window.wait(lambda: window.model.state is RunState.IDLE, 900)


def sort_by_disagreement(window: Window) -> None:
    """Click the header of the table's last column until the largest comes first, then its first row."""
    window.scroll_to("slice_table_class")
    table = window.part("slice_table")
    assert isinstance(table, SliceTableView)
    header = table.horizontalHeader()
    for _ in range(2):
        place = header.viewport().rect().center()
        place.setX(header.sectionViewportPosition(DISAGREE) + header.sectionSize(DISAGREE) // 2)
        QTest.mouseClick(header.viewport(), LEFT, pos=place)
        QTest.qWait(200)
        shares = [
            table.model().index(row, DISAGREE).data() for row in (0, table.model().rowCount() - 1)
        ]
        if float(shares[0].split()[0]) > float(shares[1].split()[0]):
            break
    row = table.visualRect(table.model().index(0, 1))
    QTest.mouseClick(table.viewport(), LEFT, pos=row.center())
    QTest.qWait(300)


def correct(window: Window) -> None:
    """Paint on a slice that the first run did not know, and let its networks go on."""
    window.viewer.layers["annotation"].visible = True
    window.viewer.layers.selection.active = window.viewer.layers["annotation"]
    paint(window, MORE)
    window.scroll_to("image_layer")


def main() -> None:
    """All pictures, in the tutorial's order."""
    folder, budget = Path(mkdtemp()), asked_budget(__doc__)
    require_isbi()
    window = Window()
    open_isbi(window)
    photograph(window, 1, "open")
    window.choose_new("Membranes")
    window.wait(lambda: "a class above" in window.says("next_step"))
    paint(window)
    window.scroll_to("image_layer")
    photograph(window, 2, "painted")
    window.budget(*budget)
    window.go_to(SHOWN)
    train(window, 3)
    window.viewer.layers["annotation"].visible = False
    window.scroll_to("method")
    photograph(window, 4, "masks")
    sort_by_disagreement(window)
    photograph(window, 5, "table")
    correct(window)
    photograph(window, 6, "corrected")
    window.click("start_from")
    window.run_to_its_end()
    window.scroll_to("method")
    photograph(window, 7, "further")
    masks = folder / "masks"
    masks.mkdir()
    window.answer("ask_files", (DATA / "test-volume.tif",))
    window.answer("ask_folder", masks)
    window.click("apply_files")
    window.wait(lambda: window.model.state is not RunState.IDLE, 30)
    window.wait(lambda: window.model.state is RunState.IDLE, 900)
    window.answer("ask_new_project", folder / "isbi.advseg.json")
    window.click("save_project")
    window.wait(lambda: window.model.project.path is not None)
    window.scroll_to("project")
    photograph(window, 8, "applied")
    print(sorted(one.name for one in masks.iterdir()))
    window.viewer.close()


if __name__ == "__main__":
    main()
