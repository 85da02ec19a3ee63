#!/bin/sh
# Open the dock through napari under PySide6, train two updates with it, close.
#
#     sh scripts/smoke-pyside6.sh     # from the repository's root, after `make setup`; needs a display
#
# PySide6 goes into a folder of its own, so that .venv keeps the binding that the tests use.
set -eu

root=$(pwd)
python=$root/.venv/bin/python
work=$root/build/pyside6
qt=$work/site-packages
mkdir -p "$work"

"$python" - >"$work/requirements.txt" <<'PYTHON'
import tomllib

extra = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["pyside6"]
print(*(line for line in extra if line.startswith("PySide6")), sep="\n")
PYTHON
if ! cmp -s "$work/requirements.txt" "$work/installed.txt"; then
    echo "Installing $(cat "$work/requirements.txt") …"
    rm -rf "$qt"
    "$python" -m pip --disable-pip-version-check install -qq --no-compile --target "$qt" \
        -r "$work/requirements.txt"
    cp "$work/requirements.txt" "$work/installed.txt"
fi

echo 'Opening the dock under PySide6, and training two updates with it …'
report=$(PYTHONPATH="$root/src:$qt" QT_API=pyside6 NAPARI_CONFIG='' XDG_DATA_HOME="$work/data" \
    OMP_WAIT_POLICY=PASSIVE timeout 120 "$python" tests/gui/open_dock.py notebook --train | tail -n 1)
for part in '"binding": "PySide6"' '"sessions": 1' '"visible": true' '"updates": [1, 2]'; do
    case $report in
        *"$part"*) ;;
        *) echo "not in the report: $part; the report: $report" >&2; exit 1 ;;
    esac
done
echo 'The dock opens, trains and closes under PySide6.'
