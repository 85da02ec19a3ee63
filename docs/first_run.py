"""The first run without an annotation, as a newcomer makes it: six strokes, one minute, both networks.

    QT_API=pyqt6 xvfb-run -a -s "-screen 0 1280x800x24" python docs/first_run.py [--updates 110]

It opens ISBI 2012 from ../shared/data/isbi2012, presses New, paints the strokes of `SIX` with the mouse,
presses Start, photographs the window at the end over a slice that nobody painted, and prints what the dock
said on the way and, as a line of JSON, the scores against the truth on the 28 slices without strokes.
The strokes are plain coordinates; the truth is read after the run alone. A minute is turned into the
updates that fit it, so on a machine that has other work ask for updates.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from driving import DATA, IMAGES, Window, require_isbi

from napari_advseg import evaluate, read_annotation

MINUTES = 1
SHOWN = 15  # a slice without strokes
LABELS = DATA / "train-labels.tif"


@dataclass(frozen=True)
class Stroke:
    """One stroke of the brush.

    Attributes
    ----------
    z : int
    name : str
        Its class.
    brush : int
        Diameter in pixels.
    vertices : tuple of (int, int)
        Columns and rows that the mouse passes.
    """

    z: int
    name: str
    brush: int
    vertices: tuple[tuple[int, int], ...]


# fmt: off
SIX = (
    Stroke(10, "cell", 10, (
        (297, 385), (299, 389), (311, 397), (310, 400), (313, 398), (317, 402), (321, 411),
        (332, 417), (368, 419), (392, 426), (414, 426), (424, 417), (441, 415), (452, 407),
        (435, 390), (380, 400), (330, 360), (390, 320), (350, 270), (390, 235), (360, 195),
    )),
    Stroke(10, "cell", 10, (
        (30, 125), (20, 165), (35, 200), (15, 225), (15, 270), (35, 280), (35, 285), (50, 286),
        (49, 270), (52, 264), (50, 260), (53, 261), (58, 255), (57, 238), (60, 233), (54, 223),
        (54, 214), (59, 207), (52, 200), (59, 207), (64, 203), (66, 189), (65, 168), (72, 154),
        (70, 150), (73, 152), (79, 144), (80, 126), (77, 119), (69, 111), (65, 112),
    )),
    Stroke(10, "membrane", 5, (
        (62, 387), (62, 392), (57, 397), (57, 405), (75, 406), (81, 409), (89, 419), (103, 419),
        (116, 414), (123, 419), (130, 420), (138, 415), (154, 414), (173, 406), (186, 397),
        (194, 395), (215, 394), (238, 405), (250, 407), (250, 405), (263, 399), (288, 399),
        (291, 397), (310, 406), (313, 412), (326, 424), (330, 422), (329, 425), (363, 426),
        (381, 432), (397, 434), (415, 433), (415, 435), (415, 433), (418, 433), (427, 425),
        (446, 422), (455, 415), (498, 406), (507, 405), (507, 407),
    )),
    Stroke(20, "cell", 10, (
        (35, 240), (29, 239), (27, 226), (30, 225), (35, 213), (42, 204), (42, 199), (56, 188),
        (56, 185), (64, 176), (68, 176), (70, 180), (71, 175), (81, 175), (86, 172), (101, 182),
        (120, 190), (153, 191), (158, 193), (160, 208), (157, 211), (155, 210), (155, 222),
        (168, 235), (165, 240), (167, 238), (171, 239), (173, 247), (161, 263), (152, 266),
        (146, 272), (142, 282), (140, 280), (128, 286), (126, 284), (104, 286), (90, 278),
        (75, 280), (70, 275), (62, 272), (50, 260),
    )),
    Stroke(20, "cell", 10, (
        (150, 420), (250, 435), (400, 415), (440, 435), (300, 430),
    )),
    Stroke(20, "membrane", 5, (
        (152, 280), (151, 278), (156, 273), (163, 271), (174, 262), (181, 251), (182, 240),
        (169, 226), (166, 222), (167, 220), (163, 219), (167, 212), (167, 193), (164, 184),
        (138, 184), (120, 181), (106, 175), (91, 165), (92, 162), (88, 163), (89, 138), (99, 129),
        (99, 121), (102, 117),
    )),
)
# fmt: on


def paint(window: Window, strokes: tuple[Stroke, ...] = SIX) -> list[str]:
    """Paint with the mouse, and return what the dock said should come next before each stroke."""
    said = []
    for stroke in strokes:
        if window.model.slice_in_view != stroke.z:
            window.go_to(stroke.z)
        said.append(window.says("next_step"))
        names = [row.name for row in window.model.class_list.rows]
        window.click(f"class_{names.index(stroke.name)}")
        window.brush(stroke.brush)
        window.stroke(stroke.vertices)
    window.wait(window.part("start").isEnabled, 10)
    return [*said, window.says("next_step")]


def open_isbi(window: Window) -> None:
    """Press Open a stack… and wait until it is there."""
    window.answer("ask_file", DATA / "train-volume.tif")
    window.click("open_stack")
    window.wait(lambda: window.model.image is not None)
    window.wait(lambda: window.says("next_step"))


def scores(window: Window) -> dict[str, dict[str, float]]:
    """Both masks against the truth on the slices without strokes; V_Rand, which is slow, on each fifth."""
    truth = read_annotation(LABELS)
    painted = {stroke.z for stroke in SIX}
    slices = [z for z in range(truth.targets.shape[0]) if z not in painted]
    found = {}
    for network in window.model.run.networks:
        kept = [window.adapter.prediction(network, z) for z in range(len(truth.targets))]
        probability = np.stack(kept).astype(np.float32)
        mask = np.where(probability >= 0.5, 255, 0).astype(np.uint8)
        score = evaluate(mask, truth, mask_classes=truth.classes, slices=slices)
        regions = evaluate(probability, truth, slices=slices[::5])
        found[network] = {
            "F1 cell": score.f1["cell"],
            "F1 membrane": score.f1["membrane"],
            "accuracy": score.accuracy,
            "V_Rand": regions.v_rand,
            "V_Rand threshold": regions.threshold_rand,
        }
    return {name: {k: round(v, 3) for k, v in one.items()} for name, one in found.items()}


def asked_budget(description: str) -> tuple[float, str]:
    """The budget of a run, as the command line asks for it: a minute, or updates."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--updates", type=int, help="instead of one minute")
    updates = parser.parse_args().updates
    return (MINUTES, "min") if updates is None else (updates, "updates")


def main() -> None:
    """Open, paint, train, photograph, score."""
    started, budget = perf_counter(), asked_budget(__doc__)
    require_isbi()
    window = Window()
    open_isbi(window)
    said = [window.says("next_step")]
    window.choose_new("Membranes")
    window.wait(lambda: "a class above" in window.says("next_step"))
    said += paint(window)
    window.budget(*budget)
    window.run_to_its_end()
    window.go_to(SHOWN)
    window.viewer.layers["annotation"].visible = False
    window.photograph(IMAGES / "first-run.png", settle=2000)
    print(*said, sep="\n", flush=True)
    record = {
        "budget": f"{budget[0]} {budget[1]}",
        "updates": window.model.history[-1].update,
        "seconds of training": round(window.model.history[-1].seconds),
        "seconds from the open window to the picture": round(perf_counter() - started),
    }
    if LABELS.is_file():
        record["scores"] = scores(window)
    print(json.dumps(record), flush=True)
    window.viewer.close()


if __name__ == "__main__":
    main()
