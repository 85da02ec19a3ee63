#!/bin/sh
# Run a command that may take minutes and show that it works.
#
#     sh scripts/with-progress.sh 'Installing PyTorch' COMMAND ...
#
# The command's output is kept back; its last lines are printed if it fails. Meanwhile the elapsed seconds
# and the last line of the output (pip names each file that it downloads, with its size) are shown: in one
# changing line on a terminal, otherwise in a line every 15 seconds.
set -u

what=$1
shift
log=$(mktemp)
began=$(date +%s)
if [ -t 1 ]; then
    period=1
    width=$( (stty size <&1 || echo 24 80) 2>/dev/null | cut -d ' ' -f 2)
    [ "${width:-0}" -gt 20 ] || width=80
else
    period=15
    echo "$what …"
fi

clear_line() {
    if [ -t 1 ]; then printf "\r%$((width - 1))s\r" ''; fi
}

show() {
    seconds=$(($(date +%s) - began))
    doing=$(tail -n 1 "$log" | tr -d '\r' | sed 's/^[[:space:]]*//')
    line="$what … $seconds s${doing:+ – $doing}"
    if [ -t 1 ]; then
        clear_line
        printf '%s' "$line" | awk -v most=$((width - 2)) '{ printf "%s", substr($0, 1, most) }'
    else
        printf '%s\n' "$line" | awk '{ print substr($0, 1, 160) }'
    fi
}

"$@" >"$log" 2>&1 &
command=$!
trap 'kill "$command" 2>/dev/null; rm -f "$log"; exit 130' INT TERM HUP
waited=0
while kill -0 "$command" 2>/dev/null; do
    if [ "$waited" -ge "$period" ]; then
        show
        waited=0
    fi
    sleep 1
    waited=$((waited + 1))
done
wait "$command"
code=$?
clear_line
seconds=$(($(date +%s) - began))
if [ "$code" -eq 0 ]; then
    echo "$what: done in $seconds s."
else
    tail -n 30 "$log" >&2
    echo "$what: failed after $seconds s (exit code $code)." >&2
fi
rm -f "$log"
exit "$code"
