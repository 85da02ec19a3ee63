"""What is drawn: the numbers of the CSV, told apart, legible, in three formats, byte for byte again."""

import math
import subprocess
import sys
from itertools import combinations, product
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from PIL import Image

from napari_advseg.core.plots.curves import CURVES, Curves, read_curves
from napari_advseg.core.plots.figure import curves_figure, draw_curves, f1_span
from napari_advseg.core.plots.figure_labels import place_marks
from napari_advseg.core.plots.figure_style import (
    HUES,
    MARKERS,
    elided,
    line_style,
    marked,
    shade,
    text_width,
)
from napari_advseg.core.runtime.errors import RunFolderError, SettingsError
from support.paths import SHARED_DATA

SEED2017 = SHARED_DATA / "seed2017-metrics.csv"


def a_run(name="run", rows=12, keys=CURVES, marks=((20, 0.0), (60, 0.1)), level=0.94, seed=0):
    """Curves that rise to a level, with every axis."""
    draws = np.random.default_rng(seed)
    i = np.arange(1, rows + 1)
    rise = level - 0.4 * np.exp(-i / 2)
    scores = {
        key: tuple(
            (rise + draws.normal(0, 0.003, rows)) if "F1" in key else draws.uniform(0, 1, rows)
        )
        for key in keys
    }
    return Curves(name, scores, tuple(i / 2), tuple(10 * i), tuple(i / 4), marks)


def seed2017():
    if not SEED2017.is_file():
        pytest.skip(f"{SEED2017} is absent")
    return read_curves(SEED2017)


def drawn(figure):
    """Lines with a name, by it; those of λ marks and the table have none."""
    return {
        line.get_label(): line
        for pane in panes(figure)
        for line in pane.lines
        if not line.get_label().startswith("_")
    }


def panes(figure):
    return [axes for axes in figure.axes if axes.get_label() != "table"]


def words(figure):
    """Texts that are drawn; matplotlib also keeps labels of ticks beyond the ends of an axis."""
    found = list(figure.texts)
    for axes in figure.axes:
        found += axes.texts
        for axis in (axes.xaxis, axes.yaxis) if axes.axison else ():
            low, high = axis.get_view_interval()
            found += [axis.label] if axis.label.get_text() else []
            found += [t.label1 for t in axis.get_major_ticks() if low <= t.get_loc() <= high]
    return [text for text in found if text.get_visible() and text.get_text().strip()]


@pytest.mark.parametrize("axis", ["epoch", "update", "minutes"])
def test_one_run_is_two_panes_with_the_numbers_as_they_are(axis):
    run = a_run()
    figure = curves_figure([run], x=axis)
    f1, accuracy = panes(figure)
    assert (f1.get_xlabel(), accuracy.get_xlabel()) == (
        ("minutes of training",) * 2 if axis == "minutes" else (axis, axis)
    )
    assert accuracy.get_ylabel() == "accuracy"
    lines = drawn(figure)
    for key in CURVES:
        line = lines[f"run: {key}"]
        assert tuple(line.get_xdata()) == run.x(axis)
        assert tuple(line.get_ydata()) == run.scores[key]
        assert line.axes is (f1 if "F1" in key else accuracy)
        assert line.is_dashed() == key.endswith("train")
    best = lines["run: best S F1 val"]
    at = int(np.argmax(run.scores["S F1 val"]))
    assert (best.get_xdata()[0], best.get_ydata()[0]) == (
        run.x(axis)[at],
        run.scores["S F1 val"][at],
    )
    for key in ("S F1 val", "G/S F1 val"):
        assert f"{max(run.scores[key]):.4f}" in [text.get_text() for text in f1.texts]


def test_several_runs_have_a_pane_for_each_network_and_one_f1_axis():
    figure = curves_figure([a_run("a"), a_run("b", level=0.9, seed=1)])
    labels = [pane.get_label() for pane in panes(figure)]
    assert labels == ["S", "G/S", "D", "G/D"]
    s, g, *accuracies = panes(figure)
    assert s.get_ylim() == g.get_ylim()
    for pane in accuracies:
        assert pane.get_ylim()[0] < 0 < 1 < pane.get_ylim()[1]
    assert len(panes(curves_figure([a_run("a"), a_run("b")], panes="two"))) == 2
    assert len(panes(curves_figure([a_run("a")], panes="four"))) == 4


def test_a_run_and_2017_overlaid():
    seed, run = seed2017(), a_run()
    figure = curves_figure([run, seed])
    lines = drawn(figure)
    for one, key in product((run, seed), CURVES):
        line = lines[f"{one.name}: {key}"]
        assert tuple(line.get_ydata()) == one.scores[key]
        assert tuple(line.get_xdata()) == one.epochs
    shown = [text.get_text() for text in words(figure)]
    assert "0.9492 (17)" in shown
    assert "0.9459 (16)" in shown
    with pytest.raises(SettingsError, match="seed2017-metrics has no updates"):
        curves_figure([run, seed], x="update")


def test_shade_and_marker_tell_runs_and_hue_the_network():
    styles = [line_style(key, i, 4, ()) for i, key in product(range(4), CURVES)]
    assert len({(s.colour, s.marker, s.dashes) for s in styles}) == 4 * 6  # G/S and G/D share a hue
    assert {s.marker for s in styles} == set(MARKERS[:4])
    for i in range(4):
        blue, orange = to_rgb(shade(HUES["S"], i, 4)), to_rgb(shade(HUES["G/S"], i, 4))
        assert blue[2] > blue[0]
        assert orange[0] > orange[2]


@pytest.mark.parametrize("runs", [1, 2, 4, 8])
def test_every_line_stands_out_from_white_paper(runs):
    for who, i in product(HUES, range(runs)):
        channels = to_rgb(shade(HUES[who], i, runs))
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        luminance = np.dot((0.2126, 0.7152, 0.0722), linear)
        assert 1.05 / (luminance + 0.05) >= 3  # WCAG 2.1, 1.4.11


@pytest.mark.parametrize("panes_", ["two", "four"])
@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_no_words_overlap_or_are_clipped(count, panes_):
    runs = [
        a_run(f"2026-11-23-014208-a-long-name-of-a-stack-{i}" * 2, seed=i) for i in range(count)
    ]
    if count > 1:
        runs[1] = a_run("early", marks=((22, 0.0), (63, 1.0)))
    figure = curves_figure(runs, title="A title", panes=panes_)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    paper = figure.bbox
    boxes = []
    for text in words(figure):
        # of the words alone, without the line from an annotation to its point
        box = Text.get_window_extent(text, canvas.get_renderer())
        boxes.append((text.get_text(), box))
        assert paper.x0 <= box.x0, text
        assert box.x1 <= paper.x1, text
        assert paper.y0 <= box.y0, text
        assert box.y1 <= paper.y1, text
    for (one, a), (other, b) in combinations(boxes, 2):
        wide = min(a.x1, b.x1) - max(a.x0, b.x0)
        high = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert wide < 1 or high < 2, (one, other)


def test_the_f1_axis_shows_late_differences_and_says_what_it_cuts():
    late = (0.940, 0.942, 0.944, 0.945)
    low, high = f1_span([(0.1, 0.5, 0.8, 0.92, *late), (0.2, 0.6, 0.9, 0.93, *late)])
    assert 0.85 <= low < 0.94
    assert 0.945 < high < 0.96
    near = f1_span([(0.935, *late)])
    assert near[0] < 0.935  # nothing is cut where it can all be seen
    collapse = f1_span([(0.9, 0.91, 0.92, 0.93, 0.94, 0.5)])
    assert collapse[0] < 0.5
    assert f1_span([(1.0, 1.0)])[1] <= 1.02
    figure = curves_figure([a_run()])
    pane = panes(figure)[0]
    below = min(min(found) for key, found in a_run().scores.items() if "F1" in key)
    assert below < pane.get_ylim()[0]
    assert pane.get_ylabel() == f"F1, cut off below {pane.get_ylim()[0]:.2f}"


def test_gaps_stay_open_and_lone_points_are_seen():
    values = (0.5, math.nan, 0.6, math.nan, 0.7, 0.8, *[0.8] * 60)
    assert marked(values, 0, 1) == [0, 2]
    assert {0, 2} <= set(marked(values, 1, 2))
    run = Curves("run", {"S F1 val": values}, tuple(float(i) for i in range(len(values))))
    line = drawn(curves_figure([run]))["run: S F1 val"]
    assert np.isnan(line.get_ydata()[[1, 3]]).all()
    assert line.get_markevery() == [0, 2]


def test_a_standard_run_has_only_s():
    run = a_run(keys=CURVES[:2], marks=())
    figure = curves_figure([run])
    (pane,) = panes(figure)
    assert pane.get_label() == "S"
    assert not [t for t in words(figure) if "G/" in t.get_text() or "accuracy" in t.get_text()]
    both = curves_figure([run, a_run("both")])
    assert [t.get_text() for t in words(both)].count("–") == 6  # what that run has not


def test_lambda_marks_are_labelled_apart_and_tell_their_run():
    run = a_run(marks=((20, 0.0), (22, 0.1), (110, 1.0)))
    marks = place_marks([run], "update", (0, 120), 350)
    assert [(mark.x, mark.label, mark.row) for mark in marks] == [
        (20, "λ rises", 0),
        (22, "λ 0.1", 1),
        (110, "λ 1", 0),
    ]
    assert all(mark.markers == () for mark in marks)
    two = place_marks([run, a_run(marks=((20, 0.0),))], "update", (0, 120), 350)
    assert [mark.markers for mark in two] == [(), ("o",), ("o",)]
    figure = curves_figure([run], x="update")
    for pane in panes(figure):
        standing = {line.get_xdata()[0] for line in pane.lines if len(set(line.get_xdata())) == 1}
        assert {20, 22, 110} <= standing
        assert "λ rises" in [text.get_text() for text in pane.texts]


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_equal_input_gives_equal_bytes_whatever_a_persons_settings(tmp_path, kind, monkeypatch):
    runs = [a_run("a"), a_run("b", seed=1)]
    first, second = tmp_path / f"1.{kind}", tmp_path / f"2.{kind.upper()}"
    draw_curves(runs, first, title="Title")
    with matplotlib.rc_context({"font.size": 20, "lines.linewidth": 9, "svg.hashsalt": "other"}):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
        draw_curves(runs, second, title="Title")
        assert matplotlib.rcParams["font.size"] == 20
    assert first.read_bytes() == second.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == [first.name, second.name]


def test_the_three_formats_open(tmp_path):
    for kind in ("png", "svg", "pdf"):
        draw_curves([a_run("my run")], tmp_path / f"figure.{kind}", title="Cells & membranes")
    with Image.open(tmp_path / "figure.png") as image:
        image.load()
        assert image.width == 2400
        assert image.convert("RGB").getpixel((3, 3)) == (255, 255, 255)
    root = ElementTree.parse(tmp_path / "figure.svg").getroot()
    texts = {
        "".join(node.itertext()).strip() for node in root.iter("{http://www.w3.org/2000/svg}text")
    }
    assert {"my run", "Cells & membranes", "λ 0.1", "S F1", "G/D accuracy", "epoch"} <= texts
    pdf = (tmp_path / "figure.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-1.")
    assert pdf.rstrip().endswith(b"%%EOF")
    assert b"CreationDate" not in pdf


@pytest.mark.parametrize("name", ["a$x$b", "$", "_hidden", "漢字", "a\\frac{", "ä ö"])
def test_any_name_of_a_run_is_drawn_as_it_is(tmp_path, name):
    path = tmp_path / "figure.svg"
    draw_curves([a_run(name), a_run("other")], path, title=name)
    root = ElementTree.parse(path).getroot()
    found = ["".join(n.itertext()) for n in root.iter("{http://www.w3.org/2000/svg}text")]
    assert found.count(name) == 2


def test_a_long_name_keeps_both_ends():
    name = "2026-11-23-014208-ISBI-2012-train-volume" * 3
    short = elided(name, 150)
    assert text_width(short) <= 150
    head, tail = short.split("…")
    assert name.startswith(head)
    assert name.endswith(tail)
    assert abs(len(head) - len(tail)) <= 1
    assert [elided(name, 150) for name in ("run", "a", "")] == ["run", "a", ""]


def test_what_cannot_be_drawn_is_named(tmp_path):
    run = a_run()
    for name in ("figure.jpg", "figure"):
        with pytest.raises(SettingsError, match=r"end its name in \.png, \.svg or \.pdf"):
            draw_curves([run], tmp_path / name)
    with pytest.raises(SettingsError, match="no panes 'three'"):
        curves_figure([run], panes="three")
    with pytest.raises(SettingsError, match="no axis 'hours'"):
        curves_figure([run], x="hours")
    with pytest.raises(SettingsError, match=r"9 runs .* plot 1 to 8"):
        curves_figure([run] * 9)
    with pytest.raises(SettingsError, match="0 runs"):
        curves_figure([])
    with pytest.raises(RunFolderError, match="cannot be written"):
        draw_curves([run], tmp_path / "none" / "figure.png")
    assert list(tmp_path.iterdir()) == []


def test_drawing_loads_neither_pyplot_nor_a_window(tmp_path):
    program = (
        "import sys\n"
        "from napari_advseg import draw_curves\n"
        "from napari_advseg.core.plots.curves import Curves\n"
        f"for kind in ('png', 'svg', 'pdf'):\n"
        f"    draw_curves([Curves('r', {{'S F1 val': (0.5,)}}, (1.0,))], {str(tmp_path)!r} + '/f.' + kind)\n"
        "print([n for n in ('matplotlib.pyplot', 'torch', 'qtpy', 'napari') if n in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
