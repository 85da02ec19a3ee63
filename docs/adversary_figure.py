"""Draw the figure of docs/adversary.md from the raw results of bench/adversary.py.

python docs/adversary_figure.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_advseg.core.plots.figure_style import HUES

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"
TABLES = {"few": "ISBI", "all": "ISBI", "vnc": "VNC", "shift": "ISBI to VNC"}
ARMS = ("S", "control", "G/S")
MEASURES = ("V_Rand", "F1 membrane")


def runs() -> dict[str, list[dict[str, Any]]]:
    """The rows of each table and number of annotated slices, by its title."""
    found: dict[str, list[dict[str, Any]]] = {}
    for table, name in TABLES.items():
        path = RESULTS / f"adversary_{table}.json"
        rows = json.loads(path.read_text())["results"] if path.exists() else []
        for row in sorted(rows, key=lambda one: one["annotated"]):
            slices = row["annotated"]
            title = f"{name}\n{slices} annotated slice{'s' if slices > 1 else ''}"
            found.setdefault(title, []).append(row)
    return found


def draw(axes: Axes, rows: list[dict[str, Any]], measure: str) -> None:
    """A thin line for each seed, through the three networks."""
    seeds = sorted({row["seed"] for row in rows})
    for seed in seeds:
        scores = {row["arm"]: row[measure] for row in rows if row["seed"] == seed}
        places = [i for i, arm in enumerate(ARMS) if arm in scores]
        heights = [scores[arm] for arm in ARMS if arm in scores]
        axes.plot(places, heights, color="0.75", linewidth=0.8, zorder=1)
    for i, arm in enumerate(ARMS):
        heights = [row[measure] for row in rows if row["arm"] == arm]
        colour = {"S": HUES["S"], "G/S": HUES["G/S"], "control": "0.45"}[arm]
        axes.scatter([i] * len(heights), heights, s=14, color=colour, zorder=2)
        if heights:
            mean = sum(heights) / len(heights)
            axes.plot([i - 0.25, i + 0.25], [mean, mean], color=colour, linewidth=2.5)
    axes.set_xticks(range(len(ARMS)), ARMS)
    axes.set_xlim(-0.5, len(ARMS) - 0.5)
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    """Write docs/images/adversary.png."""
    tables = runs()
    figure = Figure(figsize=(2.2 * len(tables) + 0.6, 5.0), layout="constrained")
    grid = figure.subplots(len(MEASURES), len(tables), squeeze=False, sharey="row")
    for column, (title, rows) in enumerate(tables.items()):
        for line, measure in enumerate(MEASURES):
            draw(grid[line][column], rows, measure)
        grid[0][column].set_title(title, fontsize=9)
    for line, measure in enumerate(MEASURES):
        grid[line][0].set_ylabel(measure)
    figure.savefig(ROOT / "docs" / "images" / "adversary.png", dpi=140)


if __name__ == "__main__":
    main()
