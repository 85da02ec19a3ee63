"""``advseg plot`` as a person meets it."""

import json
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from PIL import Image
from typer.testing import CliRunner

from napari_advseg.cli.main import app, main
from support.paths import SHARED_DATA

SEED2017 = SHARED_DATA / "seed2017-metrics.csv"
METRICS = """update,epoch,seconds,S F1 train,S F1 val,G/S F1 train,G/S F1 val,D Accuracy train,D Accuracy val,\
G/D Accuracy train,G/D Accuracy val,S F1 cell val
10,1.00,6.00,0.91,0.90,0.90,0.89,0.6,0.6,0.4,0.3,0.9
20,2.00,12.00,0.93,0.92,0.93,0.93,0.7,0.6,0.5,0.4,0.9
30,3.00,18.00,0.94,0.91,0.94,0.92,0.7,,0.5,0.4,0.9
"""


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Run folders ``a`` and ``b``, and ``new`` without a validation, in the working directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "new"):
        (tmp_path / name).mkdir()
        config = {"format": 1, "lambda_marks": [[15, 0.1]]}
        (tmp_path / name / "config.json").write_text(json.dumps(config))
        (tmp_path / name / "metrics.csv").write_text(METRICS)
    (tmp_path / "new" / "metrics.csv").unlink()
    return tmp_path


@pytest.fixture
def plot(runs, monkeypatch, capsys):
    """Run ``advseg plot`` in this process; return exit code, stdout and stderr."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["advseg", "plot", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return run


def texts(path):
    root = ElementTree.parse(path).getroot()
    return ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_one_run(plot, runs, kind):
    assert plot("a", "-o", f"figure.{kind}") == (0, f"figure.{kind}: 1 run\n", "")
    content = (runs / f"figure.{kind}").read_bytes()
    assert content.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[kind])


def test_options_reach_the_figure(plot):
    words = ("--x", "update", "--title", "Two seeds", "--name", "seed 0", "--name", "seed 1")
    assert plot("a", "b", "-o", "figure.svg", *words)[0] == 0
    found = texts("figure.svg")
    for word in ("Two seeds", "seed 0", "seed 1", "update", "λ 0.1", "0.9200 (20)", "0.9300 (20)"):
        assert word in found
    assert "a" not in found


def test_two_panes_are_lower_than_four(plot):
    sizes = {}
    for panes in ("two", "four"):
        assert plot("a", "b", "-o", "figure.png", "--panes", panes)[0] == 0
        with Image.open("figure.png") as image:
            sizes[panes] = image.size
    assert sizes["two"][0] == sizes["four"][0]
    assert sizes["two"][1] < sizes["four"][1]


def test_a_run_over_that_of_2017(plot):
    if not SEED2017.is_file():
        pytest.skip(f"{SEED2017} is absent")
    assert plot("a", SEED2017, "-o", "figure.svg")[0] == 0
    found = texts("figure.svg")
    for word in ("a", "seed2017-metrics", "0.9492 (17)", "0.9459 (16)", "0.9200 (2)"):
        assert word in found


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("a", "-o", "figure.jpg"), "figure.jpg"),
        (("none", "-o", "figure.png"), "There is no none"),
        (("new", "-o", "figure.png"), "new has no validation yet"),
        (("a", "new", "-o", "figure.png"), "new has no validation yet"),
        (("a", "a", "-o", "figure.png"), "a is given twice"),
        (("a", "-o", "figure.png", "--x", "hours"), "hours"),
        (("a", "-o", "figure.png", "--panes", "3"), "'3'"),
        (("a", "b", "-o", "figure.png", "--name", "one"), "1 names are given for 2 runs"),
        (("a", "-o", "no/figure.png"), "no/figure.png cannot be written"),
        (("damaged.csv", "-o", "figure.png"), "damaged.csv is damaged (row 2"),
    ],
)
def test_refused_in_one_sentence(plot, runs, words, said):
    (runs / "damaged.csv").write_text("S F1 val\n7\n")
    before = sorted(runs.rglob("*"))
    code, out, err = plot(*words)
    assert (code, out) == (2, "")
    assert err.startswith("advseg: ")
    assert err.count("\n") == 1
    assert said in err
    assert sorted(runs.rglob("*")) == before


def test_help_is_plain_and_loads_no_matplotlib():
    shown = CliRunner().invoke(app, ["plot", "--help"])
    assert shown.exit_code == 0
    for word in ("RUN", "--out", "--title", "--panes", "minutes"):
        assert word in shown.stdout
    program = (
        "import sys; sys.argv = ['advseg', 'plot', '--help']\n"
        "from napari_advseg.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "import napari_advseg\n"
        "print([name for name in ('matplotlib', 'torch') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"
