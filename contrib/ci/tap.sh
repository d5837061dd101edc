# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# For scripts that print TAP: functions, and a folder $tmp that goes with the script. Where no check may
# follow one that has failed, $failed says so.
# shellcheck shell=sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
number=0
failed=0

# run a function as a check of its own; $1 says what holds if it succeeds
check()
{
    number=$((number + 1))
    start=$(date +%s)
    what=$1
    shift
    set +e
    (
        set -eux
        "$@"
    ) >"$tmp/log" 2>&1 </dev/null
    status=$?
    set -e
    if [ "$status" -eq 0 ]; then
        echo "ok $number - $what # $(($(date +%s) - start)) s"
    else
        echo "not ok $number - $what"
        tail -n 100 "$tmp/log" | sed 's/^/# /'
        failed=1
    fi
}

# say why a check is not made
skip()
{
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}

# under set -e a mere ! would go unnoticed
fails()
{
    if "$@"; then return 1; fi
}

plan()
{
    echo "1..$number"
    exit $failed
}
