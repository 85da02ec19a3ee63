#!/bin/sh
# Run named commands at the same time; fail with the names of those that failed.
#
#     sh scripts/at-once.sh NAME 'COMMAND' [NAME 'COMMAND' ...]
#
# The output of the first command is shown as it comes; that of each other one follows in one piece, so that
# no two mix.
set -u

logs=$(mktemp -d)
began=$(date +%s)
pids=
stop() {
    # shellcheck disable=SC2086 # one process id a word
    kill $pids 2>/dev/null
    rm -rf "$logs"
    exit 130
}
trap stop INT TERM HUP

run() { # run NUMBER COMMAND: note how it ended and how long it took
    code=0
    sh -c "$2" || code=$?
    echo "$code $(($(date +%s) - began))" >"$logs/$1.end"
}

count=0
while [ $# -ge 2 ]; do
    count=$((count + 1))
    echo "$1" >"$logs/$count.name"
    if [ "$count" -eq 1 ]; then
        run 1 "$2" &
    else
        run "$count" "$2" >"$logs/$count.out" 2>&1 &
    fi
    pids="$pids $!"
    shift 2
done

failed=
number=0
for pid in $pids; do
    number=$((number + 1))
    wait "$pid"
    name=$(cat "$logs/$number.name")
    read -r code seconds <"$logs/$number.end"
    if [ "$number" -gt 1 ]; then
        echo
        echo "--- $name"
        cat "$logs/$number.out"
    fi
    if [ "$code" -eq 0 ]; then
        echo "--- $name: passed after $seconds s"
    else
        echo "--- $name: FAILED after $seconds s (exit code $code)"
        failed="$failed${failed:+, }$name"
    fi
done
rm -rf "$logs"
[ -z "$failed" ] || { echo "Failed: $failed" >&2; exit 1; }
