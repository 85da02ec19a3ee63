"""The colours of classes: of an annotation, of masks with more than two classes, of the legend."""

from __future__ import annotations

import colorsys

from napari_advseg.core.config.class_roles import background_index, is_dense
from napari_advseg.core.config.classes import ClassMap

OTHER, STRUCTURE = "#2f9e6e", "#f0e442"
"""Of two classes: green and yellow. Yellow is seen on dark structures, and neither is a network's colour."""
TWO_CLASSES = (OTHER, STRUCTURE)
MORE_CLASSES = (
    OTHER,  # as while there were two
    STRUCTURE,
    "#5b0afd",  # violet
    "#40fd91",  # light green
    "#910a0a",  # dark red
    "#c75b0a",  # brown
    "#760a5b",  # plum
    "#1e694b",  # dark green
    "#f2f2f2",  # white, which would bleach a dense annotation
)
"""One for each of Alt+1 to Alt+9. Chosen so that any two are at least 9 apart (CIEDE2000), for eyes that see
all colours as for protan, deutan and tritan ones (Machado et al. 2009, severity 1), and none is close to a
network's blue or orange or to the disagreement's magenta."""
CLEAR, FAINT = "00", "40"
"""Alpha, as the end of a colour ``#rrggbbaa``; faint strokes on a covered slice can still be seen."""


def class_colours(classes: ClassMap, *, covered: bool = False) -> dict[int, str]:
    """Colour of each annotation value, ``#rrggbb`` or with alpha ``#rrggbbaa``; merged values share one.

    The background is clear if 0 is a class. A class of objects has a colour for `ClassMap.mask_values`.

    Parameters
    ----------
    classes : ClassMap
    covered : bool
        Whether most of each annotated slice is labelled: the background is faint then.

    Returns
    -------
    dict of int to str
        In the order of the classes.
    """
    background = background_index(classes)
    colours = [more_colour(i) for i in range(len(classes))]
    if len(classes) == len(TWO_CLASSES) and background is not None:
        colours[background], colours[1 - background] = OTHER, STRUCTURE
    if is_dense(classes) and background is not None:
        colours[background] += CLEAR
    elif covered and background is not None:
        colours[background] += FAINT
    found = {}
    for one, value, colour in zip(classes.classes, classes.mask_values, colours, strict=True):
        found.update(dict.fromkeys(one.values or (value,), colour))
    return found


def more_colour(index: int) -> str:
    """Opaque colour of the class at a position among more than two."""
    if index < len(MORE_CLASSES):
        return MORE_CLASSES[index]
    # Beyond nine no palette tells them all apart: hues a golden angle apart, in two lightnesses.
    step = index - len(MORE_CLASSES)
    red, green, blue = colorsys.hls_to_rgb(step * 0.381966 % 1, (0.65, 0.35)[step % 2], 0.7)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
