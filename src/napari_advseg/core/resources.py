"""Files that come with the package: the icon and sample settings."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
# A wheel carries the repository's resources/ inside the package; an editable install leaves it in place.
_FOLDERS = (_PACKAGE / "resources", _PACKAGE.parents[1] / "resources")


def resource(name: str) -> Path:
    """Path of a file that comes with the package.

    Parameters
    ----------
    name : str
        File name, as ``"icon.svg"`` or ``"settings.json"``.

    Raises
    ------
    FileNotFoundError
        If the package has no such file.

    Examples
    --------
    >>> resource("settings.json").suffix
    '.json'
    """
    for folder in _FOLDERS:
        path = folder / name
        if path.is_file():
            return path
    raise FileNotFoundError(f"napari-advseg has no resource {name!r}.")
