"""Where a run computes."""

from __future__ import annotations

import platform

import pytest
import torch
from torch import nn

from napari_advseg.core.runtime.cpu import available_cores
from napari_advseg.core.runtime.devices import ComputeDevice, choose_device, on
from napari_advseg.core.runtime.errors import SettingsError


def test_auto_takes_what_is_there():
    compute = choose_device()
    expected = (
        "cuda"
        if torch.cuda.is_available()
        else "mps"
        if torch.backends.mps.is_available()
        else "cpu"
    )
    assert compute.device.type == expected
    assert compute.precision in ("float32", "bfloat16")
    assert compute.threads == available_cores() >= 1


def test_what_is_asked_for_is_taken():
    compute = choose_device("cpu", "float32", 3)
    assert compute == ComputeDevice(torch.device("cpu"), "float32", 3)


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cpu:", "tpu:0", "", "cuda:-1"])
def test_an_unknown_device_is_quoted(device):
    with pytest.raises(SettingsError, match="no device") as caught:
        choose_device(device)
    assert repr(device) in str(caught.value)


def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(SettingsError, match="'cuda:99' is not there: choose auto or cpu"):
        choose_device("cuda:99")


@pytest.mark.parametrize(("precision", "dtype"), [("float32", "float32"), ("bfloat16", "bfloat16")])
def test_networks_compute_in_the_precision_and_keep_single_precision_weights(precision, dtype):
    compute = ComputeDevice(torch.device("cpu"), precision, 1)
    network = on(compute, nn.Conv2d(2, 3, 3))
    with compute.autocast():
        assert network(torch.ones(1, 2, 8, 8)).dtype == getattr(torch, dtype)
    assert network.weight.dtype == torch.float32
    assert network.weight.is_contiguous(memory_format=torch.channels_last)


def test_a_torch_without_mkldnn_computes_in_single_precision(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    monkeypatch.setattr(torch.ops, "mkldnn", None)  # it has no such operators to ask
    assert choose_device("cpu").precision == "float32"


def test_emulated_bfloat16_is_not_chosen(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    assert choose_device("cpu").precision == "float32"
    assert choose_device("cpu", "bfloat16").precision == "bfloat16"  # whoever asks for it gets it


def test_threads_are_claimed_where_it_computes():
    before = torch.get_num_threads()
    ComputeDevice(torch.device("cpu"), "float32", before + 1).claim_threads()
    assert torch.get_num_threads() == before + 1
    torch.set_num_threads(before)
