"""What tests of every layer share."""

import os
import sys

import pytest


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk():
    """Let fsync do nothing in this process: a run calls it forty times, and no test cuts the power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture
def advseg(monkeypatch, capfd):
    """Run a command in this process; return exit code, stdout and stderr."""
    from napari_advseg.cli.main import main

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["advseg", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return ended.value.code or 0, out, err

    return run
