"""Where a run computes: device, precision, threads."""

from __future__ import annotations

import platform
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn

from .cpu import available_cores
from .errors import SettingsError, first_line

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class ComputeDevice:
    """A device with the precision and threads that are used on it.

    Attributes
    ----------
    device : torch.device
    precision : str
        ``float32`` or ``bfloat16``; weights stay float32, what autocast allows is computed in this.
    threads : int
        CPU threads.
    """

    device: torch.device
    precision: str
    threads: int

    def autocast(self) -> AbstractContextManager[object]:
        """Context in which networks compute in this precision."""
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def claim_threads(self) -> None:
        """Let torch use this many threads; call it in the thread that computes."""
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)


def choose_device(
    device: str = "auto", precision: str = "auto", threads: int | None = None
) -> ComputeDevice:
    """Pick CUDA, MPS or CPU, and bfloat16 where the hardware has it.

    Raises
    ------
    SettingsError
        If the device is unknown or not there.
    """
    chosen = torch.device(_best_device() if device == "auto" else _known(device))
    if precision == "auto":
        precision = "bfloat16" if _has_bfloat16(chosen) else "float32"
    return ComputeDevice(chosen, precision, threads or available_cores())


def on(compute: ComputeDevice, network: Network) -> Network:
    """A network moved to a compute, in the memory layout that convolutions like best."""
    network.to(compute.device)
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _known(device: str) -> str:
    kind, colon, index = device.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (colon and not index.isdecimal()):
        raise SettingsError(f"There is no device {device!r}: choose auto, cpu, cuda or mps.")
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (not index or int(index) < torch.cuda.device_count()),
        "mps": torch.backends.mps.is_available(),
    }
    if not there[kind]:
        raise SettingsError(f"The device {device!r} is not there: choose auto or cpu.")
    return device


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    # oneDNN also says yes where AVX-512 has to emulate bfloat16, which takes twice the time of float32
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    if platform.machine().lower() in ("x86_64", "amd64") and native is not None and not native():
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def is_out_of_memory(problem: Exception) -> bool:
    """Whether there is not enough memory, the device's or the computer's; torch has words for both."""
    if isinstance(problem, torch.OutOfMemoryError | MemoryError):
        return True
    words = ("can't allocate memory", "not enough memory")  # the CPU's has no class of its own
    return isinstance(problem, RuntimeError) and any(word in str(problem) for word in words)


def failure_sentence(problem: Exception, doing: str, way_out: str) -> str:
    """One sentence that says what went wrong in a run and what to do."""
    if is_out_of_memory(problem):
        return (
            "The memory is full: choose a smaller batch, patch or width under advanced, or the CPU."
        )
    return f"{doing} failed ({first_line(problem)}): {way_out}."
