#!/bin/sh
# Build the wheel, install it into an empty environment without napari and Qt, train two updates with it;
# then open its dock through napari. From the repository's root, after `make setup`:
#
#     sh scripts/wheel-test.sh train PYTHON TORCH...
#     sh scripts/wheel-test.sh open
#
# Opening needs a display, and napari and Qt of .venv, into which nothing may be installed meanwhile. QT_API names
# the binding.
set -eu

step=$1
shift
root=$(pwd)
work=$root/build/wheel-test

if [ "$step" = open ]; then
    cd "$work"
    # Installing napari would take a minute: it and Qt come from .venv. A folder on the path brings no
    # .pth files of its own, so the editable install in .venv stays unseen.
    site='import sysconfig; print(sysconfig.get_path("purelib"))'
    "$root/.venv/bin/python" -c "$site" >"$(venv/bin/python -c "$site")/napari-from.pth"
    report=$(NAPARI_CONFIG='' XDG_DATA_HOME="$work/data" timeout 120 \
        venv/bin/python "$root/tests/gui/open_dock.py" script | tail -n 1)
    for part in '"sessions": 1' '"visible": true' "\"package\": \"$work/venv/"; do
        case $report in
            *"$part"*) ;;
            *) echo "not in the report: $part; the report: $report" >&2; exit 1 ;;
        esac
    done
    echo 'The dock of the wheel opens in napari.'
    exit
fi

python=$1
shift
rm -rf "$work"
mkdir -p "$work"

echo 'Building the sdist, and the wheel from it …'
.venv/bin/python -m build --outdir "$work/dist" . >"$work/build.log" 2>&1 || {
    tail -n 30 "$work/build.log" >&2
    exit 1
}
echo "Installing the wheel beside $* …"
"$python" -m venv "$work/venv"
install="$work/venv/bin/python -m pip --disable-pip-version-check install -qq --no-compile"
$install "$@"
$install "$work"/dist/*.whl

cd "$work" # away from src/, so that the wheel is what is imported
venv/bin/python - <<'PYTHON'
"""Check what was installed, and write a small stack with its annotation."""

import importlib.resources
import importlib.util

import numpy as np
import tifffile

import napari_advseg

assert "site-packages" in napari_advseg.__file__, napari_advseg.__file__
for name in ("napari", "PyQt5", "PyQt6", "PySide6"):
    assert importlib.util.find_spec(name) is None, f"{name} came with the base package"
for name in ("icon.svg", "settings.json"):
    assert importlib.resources.files(napari_advseg).joinpath("resources", name).is_file(), name

draws = np.random.default_rng(0)
rows, columns = np.mgrid[:160, :160]
labels = np.where((rows % 40 < 5) | (columns % 40 < 5), 0, 255).astype(np.uint8)
image = np.clip(labels * 0.5 + draws.normal(60, 20, (6, 160, 160)), 0, 255).astype(np.uint8)
tifffile.imwrite("image.tif", image, photometric="minisblack")
tifffile.imwrite("labels.tif", np.broadcast_to(labels, image.shape), photometric="minisblack")
PYTHON

echo 'Training two updates with it …'
venv/bin/advseg train image.tif labels.tif -o run --updates 2
for file in config.json summary.json metrics.csv; do
    [ -s "run/$file" ] || { echo "advseg train left no $file" >&2; exit 1; }
done
find run -name '*.safetensors' | grep -q . ||
    { echo 'advseg train left no weights' >&2; exit 1; }
venv/bin/advseg predict run image.tif -o mask.tif --network adversarial
venv/bin/advseg evaluate mask.tif labels.tif
echo 'The wheel trains, predicts and evaluates.'
