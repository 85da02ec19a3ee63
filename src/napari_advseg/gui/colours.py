"""The two colours that mean the two networks everywhere, and those beside them.

Blue and orange follow the Okabe–Ito palette. For all eyes, also protan, deutan and tritan ones (Machado et
al. 2009, severity 1), any two of blue, orange and magenta are at least 19 apart (CIEDE2000) and differ in
grey; red is at least 16 from each of them and from the themes' text, which stands for real masks.
"""

from __future__ import annotations

STANDARD = "#3a9ee4"
"""Blue: the standard network S."""
ADVERSARIAL = "#e69f00"
"""Orange: the adversarial network G/S."""
DISAGREEMENT = "#c31e87"
"""Magenta: where the two differ."""
FAKE = "#8c0e0e"
"""Red: what D says of fake masks."""
NETWORK_COLOURS = {"standard": STANDARD, "adversarial": ADVERSARIAL}
