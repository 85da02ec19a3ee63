"""Walk the newcomer's story in the real window, with mouse and keys, and check each station.

    QT_API=pyqt6 xvfb-run -a -s "-screen 0 1280x800x24" python docs/newcomer.py [--size 1024x768]

A biologist looks for mitochondria in VNC stack 1 of Gerhard et al. 2013 (../shared/data/vnc), of which five
slices are annotated as instances: open, load the annotation, say what its labels mean, two minutes, Start,
look, compare, save, stop a second run and save what it has, keep a project and reopen it. It prints a table
of stations with what was expected and seen, keeps pictures in --out, and ends with 1 if a station failed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic

import numpy as np
import tifffile
from driving import ROOT, Window
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QLabel, QScrollArea
from scipy.ndimage import label

from napari_advseg.app.messages.verdict_messages import USABLE, mean_scores
from napari_advseg.app.state.model import RunState
from napari_advseg.core.runtime.events import FEW_UPDATES

VNC = ROOT.parent / "shared" / "data" / "vnc"
STACK = VNC / "stack1-raw.tif"
MITOCHONDRIA = 191
ANNOTATED = (0, 3, 6, 9, 12)
UNSEEN = 16
"""A slice that is not annotated."""
BEFORE, DURING, NARROW = 0.45, 0.35, 0.3
"""Least share of the window that the image has: of 1280 × 800 before and during a run, and of narrower ones."""
LATE = 0.15
"""Largest relative difference of asked and taken time."""


class Story:
    """The stations so far: what was expected and what was seen."""

    def __init__(self, out: Path) -> None:
        self._out, self._pictures = out, 0
        self._rows: list[tuple[bool, str, str, str]] = []

    def check(self, station: str, expected: str, seen: object, holds: bool) -> None:
        """Add a line to the table, and print it."""
        self._rows.append((bool(holds), station, expected, str(seen)))
        print(f"{'ok  ' if holds else 'FAIL'} {station}: {expected} | {seen}", flush=True)

    def photograph(self, window: Window, name: str) -> None:
        """Keep a picture, and check that no word or button of the dock is cut off."""
        self._pictures += 1
        window.photograph(self._out / f"{self._pictures:02}-{name}.png")
        cut = clipped(window)
        self.check(f"picture {name}", "nothing is clipped", cut or "nothing", not cut)

    def table(self) -> str:
        """Return all stations as a table in Markdown."""
        lines = ["| station | expected | seen | |", "|---|---|---|---|"]
        lines += [f"| {s} | {e} | {v} | {'ok' if ok else 'FAILED'} |" for ok, s, e, v in self._rows]
        return "\n".join(lines)

    @property
    def failed(self) -> int:
        """How many stations failed."""
        return sum(not row[0] for row in self._rows)


def clipped(window: Window) -> list[str]:
    """Texts of visible labels and buttons that are wider or higher than the room they have."""
    found = []
    for one in window.dock.findChildren((QLabel, QAbstractButton)):
        text = one.text().replace("\u200b", "")
        if not text or not one.isVisible():
            continue
        wraps = isinstance(one, QLabel) and one.wordWrap()
        needed = one.heightForWidth(one.width()) if wraps else one.fontMetrics().height()
        words = one.fontMetrics().horizontalAdvance(text)
        too_wide = not wraps and words > one.contentsRect().width()
        right = one.mapTo(window.dock, QPoint(one.width(), 0)).x()
        if too_wide or needed > one.height() + 1 or right > window.dock.width():
            found.append(f"“{text[:40]}”")
    return found


def wide(window: Window) -> bool:
    """Whether the window is as large as the one that shares of the image are promised for."""
    return bool(window.viewer.window._qt_window.width() >= 1280)


def in_sight(window: Window, role: str) -> bool:
    """Whether a control is inside the window and, in the scrolled part of the dock, not scrolled away."""
    part = window.dock.findChild(object, role)
    if part is None or not part.isVisible():
        return False
    area = window.dock.findChild(QScrollArea)
    inside = area.viewport() if area.isAncestorOf(part) else window.viewer.window._qt_window
    top = part.mapTo(inside, QPoint()).y()
    return top >= 0 and top + part.height() <= inside.height()


def annotation_file(folder: Path) -> Path:
    """Write the labels as a biologist has them: each mitochondrion a number, 0 elsewhere, five slices."""
    labels = np.zeros(tifffile.TiffFile(STACK).series[0].shape, np.uint16)
    mitochondria = tifffile.imread(VNC / "stack1-labels.tif") == MITOCHONDRIA
    for z in ANNOTATED:
        labels[z] = label(mitochondria[z])[0] * (1 + z % 3)
    path = folder / "mitochondria-by-hand.tif"
    tifffile.imwrite(path, labels, compression="zlib")
    return path


def structure_share(window: Window, z: int) -> dict[str, float]:
    """Share of a slice that each network's mask fills, by the number of its labels that are drawn."""
    found = {}
    for network in window.model.run.networks:
        probability = window.adapter.prediction(network, z)
        if probability is not None:
            found[network] = float((np.asarray(probability) >= window.model.threshold).mean())
    return found


def open_data(window: Window, story: Story, folder: Path, minutes: float) -> bool:
    """Open stack and annotation, say what the labels mean, choose the minutes.

    Returns whether the dock warns that the minutes are too few.
    """
    story.photograph(window, "empty")
    story.check(
        "empty window",
        "Open a stack… and Start are in sight",
        window.words()[:3],
        in_sight(window, "open_stack") and in_sight(window, "start"),
    )
    window.answer("ask_file", STACK, annotation_file(folder))
    window.click("open_stack")
    window.wait(lambda: window.model.image is not None)
    QTest.qWait(500)
    least = BEFORE if wide(window) else NARROW
    story.check(
        "stack is open",
        f"the image has {least:.0%} of the window",
        f"{window.image_share:.0%}",
        window.image_share >= least,
    )
    story.photograph(window, "stack")
    window.click("open_annotation")
    window.wait(lambda: window.model.annotation is not None)
    QTest.qWait(1500)
    story.check(
        "labels are loaded",
        "the dock asks what they mean, with “Objects, 0 is background”",
        " ".join(window.model.problems.values()),
        in_sight(window, "classes_objects"),
    )
    story.photograph(window, "labels")
    window.click("classes_objects")
    window.wait(lambda: window.model.summary is not None and window.model.summary.split is not None)
    rename(window, 0, "mitochondrion")
    names = [row.name for row in window.model.class_list.rows]
    story.check("classes", "mitochondrion and background", names, names[0] == "mitochondrion")
    split = window.model.summary.split
    story.check(
        "split",
        "the dock names the slices that are taken from training",
        window.says("held_out") or window.says("split"),
        bool(window.says("held_out")) and split.val == ANNOTATED[-len(split.val) :],
    )
    window.budget(minutes, "min")
    window.wait(lambda: window.says("time_plan").startswith("About"), 120)
    story.check(
        "minutes",
        "updates, validation and masks are said before Start",
        window.says("time_plan"),
        "updates" in window.says("time_plan") and in_sight(window, "time_plan"),
    )
    story.photograph(window, "ready")
    return "poor masks" in window.says("time_plan")


def rename(window: Window, index: int, name: str) -> None:
    """Double-click a class and type its name."""
    part = window.part(f"class_name_{index}")
    QTest.mouseDClick(part, Qt.MouseButton.LeftButton, pos=QPoint(12, part.height() // 2))
    QTest.qWait(100)
    editor = window.viewer.window._qt_window.focusWidget()
    QTest.keyClick(editor, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(editor, name)
    QTest.keyClick(editor, Qt.Key.Key_Return)
    QTest.qWait(1500)


def train(window: Window, story: Story, minutes: float) -> None:
    """Start, watch, and wait for the end."""
    window.go_to(UNSEEN)
    window.wait(window.part("start").isEnabled, 30)
    started = monotonic()
    window.click("start")
    window.wait(lambda: window.model.state is not RunState.IDLE, 5)
    QTest.qWait(900)
    story.check(
        "first second",
        "the status says what it is doing",
        window.says("status"),
        bool(window.says("status")),
    )
    window.wait(lambda: window.model.masks_shown, 60 * minutes + 120)
    QTest.qWait(1000)
    least = DURING if wide(window) else NARROW
    story.check(
        "during the run",
        f"the image has {least:.0%} of the window; Stop is in sight",
        f"{window.image_share:.0%}",
        window.image_share >= least and in_sight(window, "stop"),
    )
    story.photograph(window, "training")
    window.wait(lambda: window.model.state is RunState.IDLE, 60 * minutes + 300)
    taken = (monotonic() - started) / 60
    story.check(
        "time",
        f"{minutes:g} minutes ± {LATE:.0%}",
        f"{taken:.2f} minutes, {window.model.history[-1].update} updates",
        abs(taken - minutes) <= LATE * minutes,
    )
    story.check(
        "end", "the status says that it is finished", window.says("status"),
        window.says("status").startswith("Finished"),
    )  # fmt: skip
    QTest.qWait(1000)


def look(window: Window, story: Story, *, warned: bool) -> None:
    """Look at masks on a slice without annotation, and at the two networks side by side."""
    layers = window.viewer.layers
    layers.selection.active = layers[window.model.annotation.name]
    window.key(Qt.Key.Key_V)
    shares = structure_share(window, UNSEEN)
    story.check(
        "masks",
        "they draw the structure, not its surroundings: 1 to 20 % of an unseen slice, or the dock warned",
        {name: f"{share:.1%}" for name, share in shares.items()},
        bool(shares)
        and all(warned or share > 0.01 for share in shares.values())
        and all(share < 0.2 for share in shares.values()),
    )
    scores = mean_scores(window.model.slice_table, window.model.structure)
    story.check(
        "verdict",
        "first whether a network is usable, with the numbers of the table",
        window.says("verdict"),
        bool(scores) and all(f"{score:.3f}" in window.says("verdict") for score in scores.values()),
    )
    updates = window.model.history[-1].update
    story.check(
        "usable",
        f"a network is usable, or the dock warned of fewer than {FEW_UPDATES} updates before Start",
        f"{updates} updates, {scores}",
        max(scores.values(), default=0) >= USABLE or warned,
    )
    story.photograph(window, "masks")
    window.scroll_to("slice_table_class")
    story.photograph(window, "table")
    window.click("side_by_side")
    QTest.qWait(1000)
    grid = window.viewer.canvas.grid.enabled
    story.check("side by side", "a grid of the canvas", grid, grid)
    story.photograph(window, "side-by-side")
    window.click("side_by_side")


def save(window: Window, story: Story, folder: Path) -> None:
    """Save the masks of the whole stack."""
    window.answer("ask_folder", folder)
    window.click("save_masks")
    window.wait(lambda: len(list(folder.glob("*.tif"))) >= len(window.model.run.networks), 60)
    QTest.qWait(1000)
    files = sorted(folder.glob("*.tif"))
    filled = {one.name: float(np.mean(tifffile.imread(one) != 0)) for one in files}
    story.check(
        "saved masks",
        "a file for each network; every slice has its prediction",
        {name: f"{share:.1%} filled" for name, share in filled.items()},
        len(files) == 2 and all("slices" not in one.name for one in files),
    )


def stopped_run(window: Window, story: Story, folder: Path) -> None:
    """Start once more, stop after the first validation, and save what there is."""
    window.click("start")
    window.wait(lambda: window.model.state is RunState.RUNNING, 60)
    window.wait(lambda: len(window.model.history) >= 1 and window.model.masks_shown, 180)
    window.click("stop")
    window.wait(lambda: window.model.state is RunState.IDLE, 120)
    story.check(
        "stop", "the status says stopped", window.says("status"), "topped" in window.says("status")
    )
    window.answer("ask_folder", folder)
    window.click("save_masks")
    window.wait(lambda: window.model.save_offer is not None, 30)
    QTest.qWait(500)
    story.check(
        "missing slices",
        "the dock says how many slices are predicted, and asks",
        window.says("save_offer"),
        in_sight(window, "predict_rest") and in_sight(window, "save_predicted"),
    )
    story.photograph(window, "save-offer")
    window.click("save_predicted")
    window.wait(lambda: any(folder.glob("*.tif")), 60)
    QTest.qWait(1000)
    names = sorted(one.name for one in folder.glob("*.tif"))
    story.check(
        "predicted slices only",
        "the file names say which slices",
        names,
        bool(names) and all("slice" in name for name in names),
    )


def keep_and_reopen(window: Window, story: Story, folder: Path, args: argparse.Namespace) -> None:
    """Save a project, close the window, open the project in a new one."""
    path = folder / "mitochondria.advseg.json"
    window.answer("ask_new_project", path)
    window.click("save_project")
    window.wait(lambda: window.model.project.path is not None and path.is_file(), 60)
    QTest.qWait(3000)
    window.scroll_to("project")
    story.photograph(window, "project")
    before = {name: structure_share(window, z) for name, z in (("in view", UNSEEN),)}
    window.viewer.close()
    QTest.qWait(1000)
    again = Window(args.theme, args.size)
    again.answer("ask_project", path)
    again.click("open_project")
    again.wait(lambda: again.model.annotation is not None, 60)
    again.wait(lambda: again.model.masks_shown, 60)
    again.go_to(UNSEEN)
    QTest.qWait(1500)
    names = [row.name for row in again.model.class_list.rows]
    after = {name: structure_share(again, z) for name, z in (("in view", UNSEEN),)}
    story.check(
        "reopened: classes", "mitochondrion and background", names, "mitochondrion" in names
    )
    story.check("reopened: masks", f"as before, {before}", after, after == before)
    story.photograph(again, "reopened")
    again.viewer.close()


def size(text: str) -> tuple[int, int]:
    """Read ``1280x800``."""
    width, _, height = text.partition("x")
    return int(width), int(height)


def main() -> int:
    """Walk the story; return 1 if a station failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", type=size, default=(1280, 800))
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--out", type=Path, default=Path("newcomer"), help="where pictures go")
    args = parser.parse_args()
    if not VNC.is_dir():
        sys.exit(f"{VNC} is missing: put stack 1 of Gerhard et al. 2013 there.")
    args.out = args.out.resolve()
    folder, story = Path(mkdtemp()), Story(args.out)
    window = Window(args.theme, args.size)
    real = window.viewer.window._qt_window
    story.check(
        "window", f"fits {args.size[0]} × {args.size[1]}", f"{real.width()} × {real.height()}",
        (real.width(), real.height()) <= args.size,
    )  # fmt: skip
    warned = open_data(window, story, folder, args.minutes)
    train(window, story, args.minutes)
    look(window, story, warned=warned)
    for name in ("whole", "stopped"):
        (folder / name).mkdir()
    save(window, story, folder / "whole")
    stopped_run(window, story, folder / "stopped")
    keep_and_reopen(window, story, folder, args)
    (args.out / "story.md").write_text(story.table() + "\n", encoding="utf-8")
    print(f"{story.failed} stations failed; the table is in {args.out / 'story.md'}")
    return int(story.failed > 0)


if __name__ == "__main__":
    sys.exit(main())
