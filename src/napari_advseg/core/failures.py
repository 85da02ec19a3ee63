"""What to say of an error that nobody foresaw."""

from __future__ import annotations

import torch


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
    reason = str(problem).partition("\n")[0] or type(problem).__name__
    return f"{doing} failed ({reason}): {way_out}."
