"""The command line as a person meets it: words, files, exit codes; two real processes."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import tifffile
import torch
from safetensors.torch import load_file
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

from napari_advseg import __version__
from napari_advseg.cli import report as cli_report
from napari_advseg.cli.main import app
from napari_advseg.core.evaluation.slice_truth import kept_slices
from napari_advseg.core.formats.io import read_labels
from napari_advseg.core.runtime.events import Validated
from napari_advseg.core.storage.run_folder import load_run
from napari_advseg.core.training.trainer import Trainer

SETTINGS = {
    "calibrate": False,  # a network of 8 updates knows nothing
    "validate_every": 4,
    "patch": 16,
    "batch": 2,
    "tile": 64,
    "fixed_patches": 5,
    "samples": 3,
    "precision": "float32",
    "network": {"width": 2, "depth": 1, "dropout": 0.2},
    "discriminator": {"width": 2, "depth": 1},
}
SMALL = ("--settings", "small.json", "--device", "cpu", "--threads", "1")
MAIN = (sys.executable, "-c", "from napari_advseg.cli.main import main; main()")


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Image, labels and settings in the working directory."""
    monkeypatch.chdir(tmp_path)
    draws = np.random.default_rng(0)
    field = gaussian_filter(draws.standard_normal((6, 64, 64)), (0, 4, 4))
    labels = np.where(field > np.quantile(field, 0.4), 255, 0).astype(np.uint8)
    grey = 90 + 60 * (labels > 0) + draws.normal(0, 30, labels.shape)
    tifffile.imwrite("image.tif", np.clip(grey, 0, 255).astype(np.uint8))
    tifffile.imwrite("labels.tif", labels)
    (tmp_path / "small.json").write_text(json.dumps(SETTINGS))
    return tmp_path


@pytest.fixture
def trained(files, advseg):
    """The output of a paired run of 8 updates in ``run``."""
    code, out, err = advseg("train", "image.tif", "labels.tif", "-o", "run", "--updates", 8, *SMALL)
    assert (code, err) == (0, "")
    return out


def assert_refused(result, *words):
    """Exit code 2, and one sentence on stderr."""
    code, out, err = result
    assert code == 2
    assert out == ""
    assert err.startswith("advseg: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    for word in words:
        assert word in err


def test_version_and_help():
    runner = CliRunner()
    assert runner.invoke(app, ["--version"]).stdout.strip() == __version__
    shown = runner.invoke(app, ["--help"])
    assert shown.exit_code == 0
    for command in ("train", "resume", "predict", "evaluate"):
        assert command in shown.stdout
        assert runner.invoke(app, [command, "--help"]).exit_code == 0


def test_help_loads_no_torch_and_the_package_no_window():
    program = (
        "import sys\n"
        "import napari_advseg, napari_advseg.core\n"
        "from napari_advseg.cli.main import main\n"
        "sys.argv = ['advseg', 'train', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = ('torch', 'napari', 'qtpy', 'magicgui', 'pyqtgraph', 'superqt')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert shown.stdout.splitlines()[-1] == "[]"


def test_every_public_name_is_there():
    import napari_advseg

    for name in napari_advseg.__all__:
        assert getattr(napari_advseg, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = napari_advseg.nothing


def test_train_says_each_validation_and_how_it_ended(trained, files):
    lines = trained.splitlines()
    assert lines[0] == "standard and adversarial, 8 updates on cpu (float32, 1 threads)"
    assert [line.split(",")[0] for line in lines if line.startswith("update")] == [
        "update 4", "update 8",
    ]  # fmt: skip
    assert any("dense annotation" in line for line in lines)
    assert any(
        line.startswith("Finished after 8 of 8 updates. Best mean F1: S 0.") for line in lines
    )
    assert any(line.startswith("standard: V_Rand 0.") for line in lines)
    logged = (files / "run" / "metrics.csv").read_text().splitlines()
    assert len(logged) == 3
    f1 = float(logged[2].split(",")[4])
    assert f"S F1 val {f1:.3f}" in next(line for line in lines if line.startswith("update 8"))


def test_options_decide_over_the_settings_file(files, advseg):
    values = {**SETTINGS, "seed": 5, "method": "standard", "updates": 3, "device": "cuda"}
    (files / "more.json").write_text(json.dumps(values))
    options = ("--updates", 2, "--device", "cpu", "--threads", 1, "--settings", "more.json")
    classes = ("--classes", "membrane=0,cell=255", "--train", "0:2", "--val", "3,5")
    code, _, err = advseg("train", "image.tif", "labels.tif", "-o", "run", *options, *classes)
    assert (code, err) == (0, "")
    run = load_run(files / "run")
    settings = run.settings
    assert (settings.seed, settings.method, settings.updates) == (5, "standard", 2)
    assert (settings.train, settings.val) == ((0, 1), (3, 5))
    assert run.classes.names == ("membrane", "cell")


def test_a_runs_config_repeats_it(trained, files, advseg):
    code, _, err = advseg(
        "train", "image.tif", "labels.tif", "-o", "again", "--settings", "run/config.json"
    )
    assert (code, err) == (0, "")
    for name in ("standard", "adversarial", "discriminator"):
        weights = load_file(files / "run" / f"{name}.safetensors")
        again = load_file(files / "again" / f"{name}.safetensors")
        assert all(torch.equal(tensor, again[key]) for key, tensor in weights.items())


def test_both_is_a_method(files, advseg):
    code, *_ = advseg(
        "train", "image.tif", "labels.tif", "-o", "run", "--updates", 2, *SMALL, "--method", "both"
    )
    assert code == 0
    assert load_run(files / "run").networks == ("standard", "adversarial")


def test_a_budget_in_minutes(files, advseg):
    code, out, _ = advseg(
        "train", "image.tif", "labels.tif", "-o", "run", "--minutes", 0.001, *SMALL,
        "--method", "standard",
    )  # fmt: skip
    assert code == 0
    updates = load_run(files / "run").settings.updates
    assert f"Finished after {updates}" in out
    assert "standard, 0.001 minutes on cpu" in out
    lines = out.splitlines()
    assert "Measuring how fast this computer is." in lines
    assert "Training." in lines
    assert json.loads((files / "run" / "summary.json").read_text())["minutes_asked"] == 0.001


def test_a_budget_replaces_the_recorded_plan_of_a_config(files, advseg):
    plan = {"changes": [[0, 9], [1, 3]], "validations": [1]}
    (files / "plan.json").write_text(json.dumps({**SETTINGS, "updates": 3, "plan": plan}))
    train = ("train", "image.tif", "labels.tif", "--settings", "plan.json", "--device", "cpu")
    assert advseg(*train, "-o", "repeated", "--threads", 1)[0] == 0
    assert [v.update for v in load_run(files / "repeated").history] == [1, 3]
    assert advseg(*train, "-o", "other", "--threads", 1, "--updates", 5)[0] == 0
    assert [v.update for v in load_run(files / "other").history] == [4, 5]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--preset", "fast"), ("'fast'", "quick")),
        (("--method", "neither"), ("'neither'",)),
        (("--updates", "0"), ("updates = 0",)),
        (("--updates", "5", "--minutes", "1"), ("--updates", "--minutes")),
        (("--train", "a:b"), ("'a:b'", "0:20")),
        (("--train", "0:3", "--val", "2:4"), ("Slice 2",)),
        (("--val", "40"), ("Slice 40", "0 to 5")),
        (("--classes", "cell"), ("'cell'", "name=value")),
        (("--classes", "cell=255,membrane=7"), ()),
        (("--device", "tpu"), ("'tpu'",)),
        (("--settings", "nothing.json"), ("nothing.json",)),
        (("--settings", "image.tif"), ("image.tif", "JSON")),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(files, advseg, words, said):
    if "--settings" not in words:
        words = ("--settings", "small.json", *words)
    assert_refused(advseg("train", "image.tif", "labels.tif", "-o", "run", *words), *said)
    assert not (files / "run").exists()


def test_files_that_cannot_be_used_are_refused_in_one_sentence(trained, advseg):
    train = ("-o", "new", "--updates", "1", *SMALL)
    assert_refused(advseg("train", "no.tif", "labels.tif", *train), "no.tif")
    assert_refused(advseg("train", "image.tif", "image.tif", *train), "labels")
    assert_refused(
        advseg("train", "image.tif", "labels.tif", "-o", "run", "--updates", 1, *SMALL),
        "already holds a run",
    )
    assert_refused(advseg("resume", "run"), "has made all its 8 updates")
    assert_refused(advseg("resume", "new"), "holds no run")
    assert_refused(advseg("predict", "run", "image.tif", "-o", "m.tif"), "--network")
    assert_refused(
        advseg("predict", "run", "image.tif", "-o", "m.tif", "--network", "S"), "'S'", "standard"
    )
    assert_refused(advseg("evaluate", "no.tif", "labels.tif"), "no.tif")


def test_a_run_that_fails_exits_with_1(files, advseg, monkeypatch):
    def fail(self, turn):
        raise RuntimeError("no luck")

    monkeypatch.setattr(Trainer, "step", fail)
    code, _, err = advseg("train", "image.tif", "labels.tif", "-o", "run", "--updates", 8, *SMALL)
    assert code == 1
    assert err.splitlines()[-1] == (
        "advseg: Training failed (no luck): the last checkpoint is kept, start again or resume."
    )


def test_predict_and_evaluate_give_the_runs_numbers(trained, files, advseg):
    predict = ("predict", "run", "image.tif", "--network", "adversarial", "--threads", 1)
    code, out, err = advseg(*predict, "-o", "m.tif")
    assert (code, out, err) == (0, "m.tif: 6 slices\n", "")
    mask, classes = read_labels("m.tif")
    assert mask.dtype == np.uint8
    assert str(classes) == "cell=255,membrane=0"
    code, out, _ = advseg("evaluate", "m.tif", "labels.tif", "--slices", "4:6", "--json")
    assert code == 0
    found = json.loads(out)
    scores = load_run(files / "run").history[-1].scores
    assert found["f1"]["cell"] == pytest.approx(scores.adversarial.f1_val, abs=1e-9)
    assert found["f1"]["membrane"] == pytest.approx(
        scores.adversarial.f1_val_by_class["membrane"], abs=1e-9
    )
    assert found["slices"] == [4, 5]

    assert advseg(*predict, "-o", "p.tif", "--probability")[0] == 0
    assert tifffile.imread("p.tif").dtype == np.float32
    code, out, _ = advseg("evaluate", "p.tif", "labels.tif", "--slices", "4:6", "--json")
    assert code == 0
    assert json.loads(out)["f1"] == found["f1"]
    # the run scored its float16 maps at the challenge's thresholds
    boundaries = json.loads((files / "run" / "summary.json").read_text())["boundaries"]
    assert json.loads(out)["v_rand"] == pytest.approx(boundaries["adversarial"]["V_Rand"], abs=0.01)
    code, out, _ = advseg("evaluate", "m.tif", "labels.tif", "--slices", "4:6")
    assert out.splitlines()[0].split() == ["F1", "cell", f"{found['f1']['cell']:.4f}"]


def test_evaluate_tells_each_slice_as_the_run_kept_it(trained, files, advseg):
    predict = ("predict", "run", "image.tif", "--network", "standard", "--threads", 1)
    assert advseg(*predict, "-o", "m.tif")[0] == 0
    asked = ("evaluate", "m.tif", "labels.tif", "--slices", "4:6", "--per-slice")
    code, out, _ = advseg(*asked, "--json")
    assert code == 0
    found = json.loads(out)["per_slice"]
    kept = kept_slices(files / "run")
    assert [one["slice"] for one in found] == [row.z for row in kept.rows] == [4, 5]
    for one, row in zip(found, kept.rows, strict=True):
        # the run scored its float16 maps
        assert list(one["f1"].values()) == pytest.approx(row.f1["standard"], abs=5e-3)
    code, out, _ = advseg(*asked)
    assert out.splitlines()[-1].split() == ["5", *(f"{f1:.4f}" for f1 in found[1]["f1"].values())]
    assert "per_slice" not in json.loads(advseg(*asked[:-1], "--json")[1])


def test_an_image_that_moved_is_asked_for(files, advseg, monkeypatch):
    real = cli_report.Report.__call__

    def interrupted(report, event):
        real(report, event)
        if isinstance(event, Validated):
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(cli_report.Report, "__call__", interrupted)
        train = ("train", "image.tif", "labels.tif", "-o", "run", "--updates", 8, *SMALL)
        code, out, err = advseg(*train)
    assert code == 0
    assert "Stopped after 4 of 8 updates." in out
    assert err == "Stopping; press Ctrl-C again to leave at once.\n"
    (files / "image.tif").rename(files / "moved.tif")
    assert_refused(advseg("resume", "run"), "image.tif", "--image")
    code, out, _ = advseg("resume", "run", "--image", "moved.tif")
    assert code == 0
    assert "Finished after 8 of 8 updates." in out


def test_square_brackets_in_names_are_printed_as_they_are(files, advseg):
    os.rename("labels.tif", "[bold]labels.tif")
    code, out, _ = advseg(
        "train", "image.tif", "[bold]labels.tif", "-o", "run", "--updates", 2, *SMALL,
        "--classes", "[/cell]=255,:smile:=0",
    )  # fmt: skip
    assert code == 0
    assert "Finished" in out
    assert "[/cell]" in (files / "run" / "metrics.csv").read_text()


# ---- processes


def start(*words):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*MAIN, *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip


def wait_for(process, start_of_line):
    for line in process.stdout:
        if line.startswith(start_of_line):
            return
    pytest.fail(f"the program ended without {start_of_line!r}: {process.stderr.read()}")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent to processes")
@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_ctrl_c_keeps_and_a_killed_run_goes_on_from_its_checkpoint(files, advseg, how):
    (files / "small.json").write_text(json.dumps({**SETTINGS, "validate_every": 20}))
    updates = ("--updates", 60)
    process = start("train", "image.tif", "labels.tif", "-o", "run", *updates, *SMALL)
    with process:
        wait_for(process, "update 20,")
        process.send_signal(getattr(signal, how))
        out, err = process.communicate(timeout=60)
    if how != "SIGKILL":
        assert process.returncode == {"SIGINT": 0, "SIGTERM": 143}[how]
        assert err == "Stopping; press Ctrl-C again to leave at once.\n"
        assert "Stopped after" in out
        assert json.loads((files / "run" / "summary.json").read_text())["outcome"] == "stopped"
    else:
        assert process.returncode == -signal.SIGKILL
        assert not (files / "run" / "summary.json").exists()
    assert load_run(files / "run").history[-1].update < 60

    code, out, err = advseg("resume", "run")
    assert (code, err) == (0, "")
    assert "Finished after 60 of 60 updates." in out
    assert advseg("train", "image.tif", "labels.tif", "-o", "whole", *updates, *SMALL)[0] == 0
    for name in ("standard", "adversarial", "discriminator"):
        weights = load_file(files / "whole" / f"{name}.safetensors")
        resumed = load_file(files / "run" / f"{name}.safetensors")
        assert all(torch.equal(tensor, resumed[key]) for key, tensor in weights.items())
    whole, resumed = load_run(files / "whole").history, load_run(files / "run").history
    assert [(v.update, v.scores) for v in resumed] == [(v.update, v.scores) for v in whole]


def test_an_image_of_several_channels_is_trained_on_and_predicted(advseg, files):
    grey = tifffile.imread("image.tif")
    pair = np.stack([grey, 255 - grey])
    tifffile.imwrite("two.tif", pair, metadata={"axes": "CZYX"}, photometric="minisblack")
    options = (*SMALL, "--updates", 2, "--channel-axis", 0)
    code, _, err = advseg("train", "two.tif", "labels.tif", "-o", "run", *options)
    assert code == 0, err
    code, _, err = advseg(
        "predict", "run", "two.tif", "-o", "mask.tif", "--network", "standard", "--channel-axis", 0
    )
    assert code == 0, err
    assert set(np.unique(tifffile.imread("mask.tif"))) <= {0, 255}
    told = advseg("predict", "run", "image.tif", "-o", "other.tif", "--network", "standard")
    assert_refused(told, "2 channels", "1")


@pytest.mark.parametrize("best", [False, True])
def test_train_goes_on_from_the_networks_of_a_run(trained, files, advseg, best):
    words = ("train", "image.tif", "labels.tif", "-o", "next", "--updates", 1, *SMALL)
    code, _, err = advseg(*words, "--start-from", "run", *["--best"] * best)
    assert (code, err) == (0, "")
    config = json.loads((files / "next" / "config.json").read_text())
    assert config["start_from"] == str(files / "run")
    end = "-best.safetensors" if best else ".safetensors"
    assert config["start_weights"] == {
        "standard": f"standard{end}",
        "adversarial": f"adversarial{end}",
        "discriminator": "discriminator.safetensors",
    }
    # one update from there, at the low end of the learning rate, is a small step
    before, after = (
        load_file(f"{name}") for name in (f"run/standard{end}", "next/standard.safetensors")
    )
    moved = max(float((after[key] - before[key]).abs().max()) for key in before if "head" in key)
    assert 0 < moved < 0.01
