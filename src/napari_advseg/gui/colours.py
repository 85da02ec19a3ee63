"""The two colours that mean the two networks everywhere, and those beside them.

Taken from the Okabe–Ito palette, which colour-blind eyes tell apart and whose members differ in grey.
"""

from __future__ import annotations

STANDARD = "#3a9ee4"
"""Blue: the standard network S."""
ADVERSARIAL = "#e69f00"
"""Orange: the adversarial network G/S."""
DISAGREEMENT = "#e152d6"
"""Magenta: where the two differ."""
NETWORK_COLOURS = {"standard": STANDARD, "adversarial": ADVERSARIAL}
