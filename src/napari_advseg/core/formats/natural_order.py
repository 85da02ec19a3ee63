"""The order in which people number files: slice9 before slice10."""

from __future__ import annotations

import re
from pathlib import Path


def natural_key(path: Path) -> tuple[tuple[bool, int, str], ...]:
    """Sort key of a file name, in which numbers count by value."""
    parts = re.split(r"(\d+)", path.name.casefold())
    return tuple(
        (not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts if part
    )
