#!/bin/sh
# Install the system packages that napari needs on a bare Debian, and only those that are missing.
#
#     sh scripts/system-packages.sh [PYTHON]
#
# As root on Debian and its kin they are installed; otherwise, and only without a display, one sentence
# names them. A desktop needs none. Anything but Debian: nothing happens.
set -eu

python=${1:-python3}
packages="xvfb xauth libegl1 libgl1 libglib2.0-0 libfontconfig1 libdbus-1-3 libxkbcommon-x11-0
libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0
libxcb-shape0 libxcb-xkb1 libxcb-xinerama0"

command -v dpkg-query >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 || exit 0

# One name a line. What a package provides counts too: Debian 13 has libglib2.0-0t64 for libglib2.0-0.
installed=$(dpkg-query -W -f='${db:Status-Status} ${Package} ${Provides}\n' 2>/dev/null |
    sed -n 's/^installed //p' | tr ', ' '\n\n')
missing=
for package in $packages; do
    printf '%s\n' "$installed" | grep -qxF "$package" || missing="$missing $package"
done
# Another Python than Debian's brings its own venv.
"$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || missing="$missing python3-venv"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    if [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
        echo "There is no display, and these packages are missing (ask root: apt-get install):$missing" >&2
    fi
    exit 0
fi

echo "Installing system packages:$missing …"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # the list is meant to be split
if ! { apt-get update -q && apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "apt-get could not install:$missing" >&2
    exit 1
fi
