"""The colours of classes: of an annotation, of masks with more than two classes, of the legend."""

from __future__ import annotations

import colorsys

from napari_advseg.core.config.classes import ClassMap

TWO_CLASSES = ("#2f9e6e59", "#f2f2f2b0")
"""Of an annotation while there are two classes: neither is a network's colour. The first, most of a
dense annotation, is the fainter: the image has to be seen through it."""
MORE_CLASSES = (
    "#2f9e6e",  # green and white, as while there were two
    "#f2f2f2",
    "#f0e442",  # yellow
    "#5b0afd",  # violet
    "#910a0a",  # dark red
    "#40fd91",  # light green
    "#760a5b",  # plum
    "#c75b0a",  # brown
    "#1e694b",  # dark green
)
"""One for each of Alt+1 to Alt+9. Chosen so that any two are at least 9 apart (CIEDE2000), for eyes that see
all colours as for protan, deutan and tritan ones (Machado et al. 2009, severity 1), and none is close to a
network's blue or orange or to the disagreement's magenta."""


def class_colours(classes: ClassMap) -> dict[int, str]:
    """Colour of each annotation value, ``#rrggbb`` or with alpha ``#rrggbbaa``; merged values share one.

    Parameters
    ----------
    classes : ClassMap

    Returns
    -------
    dict of int to str
        In the order of the classes. Two classes are translucent, more are opaque.
    """
    two = len(classes) == len(TWO_CLASSES)
    colours = TWO_CLASSES if two else [more_colour(i) for i in range(len(classes))]
    return {
        value: colour
        for one, colour in zip(classes.classes, colours, strict=True)
        for value in one.values
    }


def more_colour(index: int) -> str:
    """Opaque colour of the class at a position among more than two."""
    if index < len(MORE_CLASSES):
        return MORE_CLASSES[index]
    # Beyond nine no palette tells them all apart: hues a golden angle apart, in two lightnesses.
    step = index - len(MORE_CLASSES)
    red, green, blue = colorsys.hls_to_rgb(step * 0.381966 % 1, (0.65, 0.35)[step % 2], 0.7)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
