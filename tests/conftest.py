"""What tests of every layer share."""

import sys

import pytest


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
