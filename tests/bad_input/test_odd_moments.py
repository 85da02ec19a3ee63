"""The command line where the trouble is not in what it is given: folders, Ctrl-C, our own mistakes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from napari_advseg.core.inference import predict_stack
from napari_advseg.core.runtime.errors import RunFolderError
from napari_advseg.core.storage import run_folder
from napari_advseg.core.storage.run_folder import check_new
from napari_advseg.core.training import engine

MAIN = (sys.executable, "-c", "from napari_advseg.cli.main import main; main()")


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        (("train", "image.tif"), "labels"),
        (("train", "image.tif", "labels.tif"), "--out"),
        (("predict", "run", "image.tif"), "--out"),
        (("train", "image.tif", "labels.tif", "-o", "new", "--updates", "few"), "--updates"),
        (("train", "image.tif", "labels.tif", "-o", "new", "--colour", "red"), "--colour"),
        (("paint",), "paint"),
    ],
)
def test_a_wrong_call_is_told_how_to_call(said, missing, advseg, everything):
    before = everything()
    code, out, err = advseg(*said)
    assert (code, out) == (2, "")
    assert missing in err.lower()
    assert "Traceback" not in err
    assert everything() == before


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (("train", "no.tif", "labels.tif", "-o", "new"), "There is no file no.tif"),
        (("resume", "."), ". holds no run"),
    ],
)
def test_a_real_process_says_it_in_one_line(name, said, files, everything):
    before = everything()
    done = subprocess.run([*MAIN, *name], capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("advseg: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert everything() == before


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is sent to a process")
def test_ctrl_c_while_predicting_leaves_nothing(files, advseg, everything, monkeypatch):
    before = everything()
    really = predict_stack.class_probabilities

    def interrupted(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        return really(*arguments)

    monkeypatch.setattr(predict_stack, "class_probabilities", interrupted)
    code, out, err = advseg("predict", "finished", "image.tif", "-o", "mask.tif")
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == "Stopped; nothing was written."
    assert everything() == before


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is sent to a process")
def test_ctrl_c_while_the_data_are_read_leaves_nothing(
    files, words, advseg, everything, monkeypatch
):
    said = words("train")
    before = everything()
    really = engine.TrainingData.prepare

    def interrupted(*arguments, **named):
        os.kill(os.getpid(), signal.SIGINT)
        return really(*arguments, **named)

    monkeypatch.setattr(engine.TrainingData, "prepare", interrupted)
    code, out, err = advseg(*said)
    assert (code, out) == (130, "")
    assert err.splitlines() == [
        "Stopping; press Ctrl-C again to leave at once.",
        "Stopped; nothing was written.",
    ]
    assert everything() == before


def test_a_second_ctrl_c_leaves_at_once_and_the_checkpoint_can_be_resumed(
    files, words, advseg, monkeypatch
):
    def interrupted(self, turn):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(engine.Trainer, "step", interrupted)
        code, _, err = advseg(*words("train"))
    assert (code, err) == (130, "")
    assert not Path("new", "lock").exists()
    code, out, err = advseg("resume", "new")
    assert (code, err) == (0, "")
    assert "Finished after 4 of 4 updates." in out


def test_a_mistake_of_ours_ends_in_one_line_and_shows_itself_on_demand(
    files, advseg, monkeypatch, caplog
):
    def mistaken(*arguments, **options):
        raise ZeroDivisionError("division by zero\nand more")

    monkeypatch.setattr(predict_stack, "predict_stack", mistaken)
    code, out, err = advseg("predict", "finished", "image.tif", "-o", "mask.tif")
    assert (code, out) == (1, "")
    assert err == (
        "advseg: ZeroDivisionError: division by zero (a mistake of ours: see it by ADVSEG_DEBUG=1).\n"
    )
    assert "in mistaken" in caplog.text
    assert not Path("mask.tif").exists()


def test_a_failed_run_shows_no_traceback(files):
    program = (
        "from napari_advseg.core.training.trainer import Trainer\n"
        "from napari_advseg.cli.main import main\n"
        "def fail(self, turn): raise RuntimeError('no luck')\n"
        "Trainer.step = fail\n"
        "main()\n"
    )
    command = [sys.executable, "-c", program, "train", "image.tif", "labels.tif", "-o"]
    Path("small.json").write_text(
        json.dumps({"patch": 32, "network": {"width": 2}, "method": "standard"})
    )
    done = subprocess.run(
        [*command, "new", "--settings", "small.json"], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 1
    assert done.stderr == (
        "advseg: Training failed (no luck): the last checkpoint is kept, start again or resume.\n"
    )


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError("image")]
)
def test_a_full_memory_is_said(files, advseg, monkeypatch, error):
    def full(*arguments, **options):
        raise error

    monkeypatch.setattr(predict_stack, "predict_stack", full)
    code, out, err = advseg("predict", "finished", "image.tif", "-o", "mask.tif")
    assert (code, out) == (2, "")
    assert err.startswith("advseg: The memory is full: ")


# ---- folders


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no /proc")
def test_a_folder_that_even_root_cannot_write_is_refused(files, advseg, words):
    code, out, err = advseg(*words("train", out="/proc/run"))
    assert (code, out) == (2, "")
    assert err.startswith("advseg: /proc/run cannot be written (")


def test_a_read_only_file_system_is_refused_before_anything_is_made(files, monkeypatch):
    def read_only(*arguments, **options):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(run_folder, "mkdtemp", read_only)
    with pytest.raises(RunFolderError, match=r"cannot be written \(Read-only file system\)"):
        check_new(Path("new"))


@pytest.mark.parametrize("name", ["n" * 300, "a\0b"])
def test_a_name_that_no_folder_can_have_is_refused(name, files, everything):
    before = everything()
    with pytest.raises(RunFolderError, match="cannot be written"):
        check_new(Path(name))
    assert everything() == before


@pytest.mark.parametrize("folder", ["new", "deep/down/new", "."])
def test_a_check_of_a_good_folder_leaves_nothing(folder, files, everything):
    before = everything()
    check_new(Path(folder))
    assert everything() == before


def test_the_image_behind_a_link_is_not_replaced(files, advseg, everything):
    Path("mask.tif").symlink_to("image.tif")
    before = everything()
    code, _, err = advseg("predict", "finished", "image.tif", "-o", "mask.tif")
    assert code == 2
    assert "the image itself" in err
    assert everything() == before
    os.remove("mask.tif")
    os.link("image.tif", "mask.tif")
    assert advseg("predict", "finished", "image.tif", "-o", "mask.tif")[0] == 2


def test_an_earlier_mask_may_be_replaced(files, advseg):
    assert advseg("predict", "finished", "image.tif", "-o", "mask.tif")[0] == 0
    assert advseg("predict", "finished", "image.tif", "-o", "mask.tif", "--threshold", "1")[0] == 0
    assert advseg("predict", "finished", "image.tif", "-o", "run/mask.tif")[0] == 0
