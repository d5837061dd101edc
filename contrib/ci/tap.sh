# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Functions for scripts that print TAP. They set $number and $failed, and need a folder $tmp.
# shellcheck shell=sh disable=SC2034,SC2154 # those variables

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

plan()
{
    echo "1..$number"
}
