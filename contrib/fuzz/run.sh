#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Fuzzes each target for a while, and says how much of the plugin was reached. See usage() below.
set -eu
cd "$(dirname "$0")/../.."
build='build-fuzz'
targets='tdx-blob tdx-image tdx-text'

usage()
{
    cat <<TEXT
usage: contrib/fuzz/run.sh [SECONDS [TARGET...]]

Fuzzes each target for SECONDS, by default 60, with libFuzzer and the address and undefined behaviour
sanitizers. Exits with 1 if an input was found that crashes, leaks, or takes longer than 25 seconds;
its name is printed, and $build/contrib/fuzz/TARGET NAME runs it again. What reached something new is
kept in $build/corpus, where the next run starts.

Targets, by default all:
  tdx-blob   FuTdxBlobFirmware, from the template of fwupd's own fuzzers
  tdx-image  images with repaired sizes, hashes and signatures, written and built again
  tdx-text   what the kernel says in text, and the XML that images are built from
TEXT
}

die()
{
    echo "fuzz: $1" >&2
    exit 2
}

# signed images, their parts, and images without the zeros between the parts
make_seeds()
{
    images=$build/seeds/tdx-blob
    rm -rf "$build/seeds"
    for target in $targets; do
        mkdir -p "$build/seeds/$target"
    done
    set -- "$build/contrib/fuzz/make-tdx-blob" --key "$build/contrib/fuzz/test-signer.pem" --pages
    "$@" 1 "$images/v2"
    "$@" 1 --header-v1 "$images/v1"
    "$@" 1 --debug --svn 0x0305 --version 2.0.08 --embed-version "$images/debug"
    "$@" 2 --cpu 0xA06D0 --poke-sigstruct 0x3d8=02000100 "$images/handoff"
    for image in "$images"/*; do
        seed=$build/seeds/tdx-image/${image##*/}
        { head -c 24 "$image" && head -c 6144 "$image" | tail -c +4097; } >"$seed.parts"
        { printf '\000' && cat "$seed.parts" && tail -c +8193 "$image"; } >"$seed"
        { printf '\017' && cat "$seed.parts" && printf 'module'; } >"$seed.short"
        rm "$seed.parts"
    done
    printf 'ivendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\nstepping\t: 8\n\n%s' \
        'bugs		: spectre_v1 seamret_invd_vmcs' >"$build/seeds/tdx-text/cpuinfo"
    printf 'msev 0\ntdx 3\n' >"$build/seeds/tdx-text/misc"
    printf 'v1.5.06' >"$build/seeds/tdx-text/version"
    printf 'v65535.65535.65535' >"$build/seeds/tdx-text/version-max"
    printf 'b<firmware><blob_version>0x100</blob_version></firmware>' >"$build/seeds/tdx-text/xml"
}

# fuzz $1, and keep which lines were reached
fuzz()
{
    mkdir -p "$build/corpus/$1" "$build/crashes" "$build/logs"
    LLVM_PROFILE_FILE=$build/logs/$1.profraw "$build/contrib/fuzz/$1" -max_total_time="$seconds" \
        -timeout=25 -dict=contrib/fuzz/tdx.dict -artifact_prefix="$build/crashes/$1-" \
        "$build/corpus/$1" "$build/seeds/$1" >"$build/logs/$1" 2>&1 || {
        tail -n 40 "$build/logs/$1"
        return 1
    }
    sed -n "s/^#\([0-9]*\)\tDONE */$1: \1 executions, /p" "$build/logs/$1"
}

# of the targets $*
report_coverage()
{
    "$(clang -print-prog-name=llvm-profdata)" merge -sparse -o "$build/logs/profdata" \
        "$build"/logs/*.profraw
    # shellcheck disable=SC2046 # a list
    "$(clang -print-prog-name=llvm-cov)" report -instr-profile "$build/logs/profdata" \
        "$build/contrib/fuzz/$1" $(printf -- "-object $build/contrib/fuzz/%s " "$@") \
        >"$build/logs/coverage"
    echo "lines of the plugin that were reached:"
    awk 'sub(/.*plugins\/tdx-module\/fu-/, "fu-") && /\.c / {
        printf "%-32s %5d of %5d  %s\n", $1, $8 - $9, $8, $10 }' "$build/logs/coverage"
}

seconds=${1:-60}
[ $# -eq 0 ] || shift
case $seconds in
-h | --help) usage && exit 0 ;;
0* | *[!0-9]*) die "SECONDS is '$seconds', expected a number from 1" ;;
esac
# shellcheck disable=SC2086 # a list
[ $# -gt 0 ] || set -- $targets
for target; do
    case " $targets " in *" $target "*) ;; *) die "TARGET is '$target', expected one of $targets" ;; esac
done

contrib/ci/install.sh clang libclang-rt-dev llvm
CC=clang contrib/setup.sh $build -Dfuzz=true -Dtests=false -Db_sanitize=address,undefined \
    -Db_lundef=false -Doptimization=1
export LLVM_PROFILE_FILE=/dev/null
make_seeds
# the template sets this as well, but GLib has read it by then
export G_DEBUG=fatal-criticals
status=0
rm -f "$build"/logs/*.profraw
for target; do
    fuzz "$target" || status=1
done
[ $status -ne 0 ] || report_coverage "$@"
exit $status
