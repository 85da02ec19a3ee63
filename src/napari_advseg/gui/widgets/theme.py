"""napari's theme as plain colours, and how to follow its changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari.utils.theme import get_theme
from qtpy.QtCore import QObject
from qtpy.QtGui import QColor

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.utils.events import Event

LEAST_CONTRAST = 3.0
"""Contrast that WCAG 2.1 (1.4.11) asks of graphical objects against their background."""
LEAST_TEXT_CONTRAST = 4.5
"""What it asks of text (1.4.3)."""
_WARNING = "#e5732b"


@dataclass(frozen=True)
class ThemeColours:
    """Colours of one napari theme as ``#rrggbb``, and those of the two networks made readable on it."""

    background: str
    foreground: str
    primary: str
    text: str
    icon: str
    current: str
    standard: str
    adversarial: str
    fake: str
    """D's answers to fake masks."""
    problem: str
    """Words about something that is wrong."""
    font_size: int
    """In points."""


def theme_colours(theme_id: str) -> ThemeColours:
    """Read the colours of a theme.

    Parameters
    ----------
    theme_id : str
        ``viewer.theme``: ``dark``, ``light``, ``system`` or the id of a person's own theme.

    Raises
    ------
    ValueError
        If napari knows no such theme.
    """
    theme = get_theme(theme_id)
    names = ("background", "foreground", "primary", "text", "icon", "current")
    colours = {
        name: QColor(getattr(theme, name).as_hex(format="long")[:7]).name() for name in names
    }
    background = colours["background"]
    return ThemeColours(
        **colours,
        standard=readable(STANDARD, background),
        adversarial=readable(ADVERSARIAL, background),
        fake=readable(FAKE, background),
        problem=readable(_WARNING, background, LEAST_TEXT_CONTRAST),
        font_size=int(theme.font_size.removesuffix("pt")),
    )


def follow_theme(viewer: ViewerModel, callback: Callable[[str], None], owner: QObject) -> None:
    """Call `callback` with the viewer's theme id now and at each change, as long as `owner` lives.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
    callback : callable
        Takes the theme id, for example a widget's ``set_theme``.
    owner : QObject
        The widget that is painted; once Qt has deleted it nothing is called any more.
    """

    def changed(event: Event | None = None) -> None:
        callback(viewer.theme)

    viewer.events.theme.connect(changed)
    owner.destroyed.connect(lambda: viewer.events.theme.disconnect(changed))
    changed()


def luminance(colour: str) -> float:
    """Relative luminance of a colour, 0 (black) to 1 (white), as WCAG 2.1 defines it."""
    parsed = QColor(colour)
    channels = parsed.redF(), parsed.greenF(), parsed.blueF()
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21, as WCAG 2.1 defines it."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def readable(colour: str, background: str, least: float = LEAST_CONTRAST) -> str:
    """Keep a colour's hue and darken or lighten it until it stands out from the background.

    Parameters
    ----------
    colour, background : str
        ``#rrggbb``.
    least : float
        Contrast ratio to reach; if no shade of the hue reaches it, the last one tried is returned.
    """
    shade = QColor(colour)
    darken = luminance(background) > 0.18  # where black and white contrast equally
    for _ in range(40):
        if contrast(shade.name(), background) >= least:
            break
        shade = shade.darker(105) if darken else shade.lighter(105)
    return shade.name()


def mix(one: str, other: str, share: float) -> str:
    """Blend two colours; `share` 0 is the first, 1 the second."""
    a, b = QColor(one), QColor(other)

    def blend(x: int, y: int) -> int:
        return round(x + (y - x) * share)

    return QColor(
        blend(a.red(), b.red()), blend(a.green(), b.green()), blend(a.blue(), b.blue())
    ).name()


STANDARD = "#3a9ee4"
"""Blue: the standard network S."""
ADVERSARIAL = "#e69f00"
"""Orange: the adversarial network G/S."""
DISAGREEMENT = "#c31e87"
"""Magenta: where the two differ."""
FAKE = "#8c0e0e"
"""Red: what D says of fake masks."""
NETWORK_COLOURS = {"standard": STANDARD, "adversarial": ADVERSARIAL}
