"""How many CPU cores there are; apart from `devices`, so that asking does not load torch."""

from __future__ import annotations

import os


def available_cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
