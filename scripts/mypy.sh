#!/bin/sh
# mypy against the stubs of PyQt5 and of PyQt6, whichever are installed, at the same time.
#
#     sh scripts/mypy.sh .venv/bin
#
# Each binding has a cache of its own: with one for both, mypy would check everything again each time.
set -eu
bin=$1
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

check() { # check BINDING
    # shellcheck disable=SC2046 # one argument a word
    "$bin"/mypy $(QT_API=$1 "$bin"/qtpy mypy-args) --cache-dir ".mypy_cache/$1" >"$logs/$1" 2>&1
}

started=
for binding in PyQt5 PyQt6; do
    "$bin"/python -c "import $binding.QtCore" 2>/dev/null || continue
    name=$(echo "$binding" | tr PQ pq)
    check "$name" &
    started="$started $name:$!"
done
[ -n "$started" ] || { echo 'mypy needs PyQt5 or PyQt6: make setup QT=pyqt6' >&2; exit 1; }

status=0
for one in $started; do
    wait "${one#*:}" || status=1
    printf '%s: ' "${one%%:*}"
    cat "$logs/${one%%:*}"
done
exit $status
