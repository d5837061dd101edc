#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Builds the fuzzers, makes the seeds, fuzzes each target for a while, and says how much of the
# plugin was reached. See usage() below.
set -eu
self=$(realpath "$0")
here=$(dirname "$self")
cd "$here/../.."
root=$PWD
sdk=$root/build/sdk
all_targets='tdx-blob tdx-sigstruct tdx-image tdx-text'

usage()
{
    cat <<TEXT
usage: contrib/fuzz/run.sh [--afl] [--output FOLDER] [SECONDS [TARGET...]]

Fuzzes each target for SECONDS, by default 60, with the address and undefined behaviour sanitizers.
Needs the plugin SDK, see contrib/setup.sh. Exits with 1 if an input was found that crashes, leaks,
or takes longer than 25 seconds; its name is printed, and FOLDER/bin/TARGET NAME runs it again.

  --afl            AFL++ in place of libFuzzer
  --output FOLDER  where all goes, by default build-fuzz: bin, seeds, corpus (kept for the next
                   run), afl, crashes, logs, coverage

Targets, by default all:
  tdx-blob       FuTdxBlobFirmware, from the template of fwupd's own fuzzers
  tdx-sigstruct  FuTdxSigstructFirmware, likewise
  tdx-image      images with repaired sizes, hashes and signatures, written and built again
  tdx-text       what the kernel says in text, and the XML that images are built from
TEXT
}

die()
{
    echo "fuzz: $1" >&2
    exit 2
}

# what the plugin's and fwupd's build would generate, and the sources of all targets
generate()
{
    mkdir -p "$output/gen"
    version=$(cat "$sdk/VERSION")
    {
        echo '#define HAVE_ERRNO_H 1'
        echo '#define HAVE_GNUTLS 1'
        echo '#define PACKAGE_NAME "fwupd"'
        echo "#define PACKAGE_VERSION \"$version\""
    } >"$output/gen/config.h"
    /usr/bin/python3 -B contrib/sdk/rustgen.py --generator "$sdk/source/libfwupdplugin" \
        --prefix Fu --output "$output/gen" plugins/tdx-module/fu-tdx-module.rs

    # as in fwupd's contrib/ci/oss-fuzz.py
    for name in blob sigstruct; do
        gtype=FU_TYPE_TDX_$(echo $name | tr '[:lower:]' '[:upper:]')_FIRMWARE
        for kind in firmware generate; do
            sed -e "s/@FIRMWARENEW@/g_object_new($gtype, NULL)/g" -e "s/@GTYPE@/$gtype/g" \
                -e "s/@INCLUDE@/fu-tdx-$name-firmware.h/g" \
                "$sdk/source/libfwupdplugin/fu-fuzzer-$kind.c.in" \
                >"$output/gen/fu-fuzzer-$kind-tdx-$name.c"
        done
    done
}

# make program $1 with the compiler $cc and the flags $cflags and $ldflags from the other arguments
link_program()
{
    program=$1
    shift
    libdir=$(dirname "$(realpath "$sdk/lib/libfwupdplugin.so")")
    compat=
    dpkg --compare-versions "$(cat "$sdk/VERSION")" ge 2.1.7 ||
        compat="-include $root/contrib/sdk/fu-compat.h"
    # shellcheck disable=SC2046,SC2086 # lists
    $cc -std=gnu17 -Werror=implicit -g -O1 -fno-omit-frame-pointer $cflags $compat \
        -DG_LOG_DOMAIN='"FuPluginTdxModule"' -DTEST_SIGNER="\"$signer\"" \
        -I"$output/gen" -Iplugins/tdx-module -Idata/tests -isystem "$sdk/include" \
        -isystem "$sdk/include/libfwupd" -isystem "$sdk/include/libfwupdplugin" \
        -isystem "$sdk/source" -isystem "$sdk/source/libfwupd" \
        -isystem "$sdk/source/libfwupdplugin" \
        $(pkg-config --cflags gio-unix-2.0 gmodule-2.0 gnutls json-glib-1.0 xmlb) \
        -o "$program" "$@" "$output/gen/fu-tdx-module-struct.c" \
        plugins/tdx-module/fu-fw-upload.c plugins/tdx-module/fu-tdx-blob-firmware.c \
        plugins/tdx-module/fu-tdx-host.c plugins/tdx-module/fu-tdx-preflight.c \
        plugins/tdx-module/fu-tdx-sigstruct-firmware.c \
        $ldflags -L"$sdk/lib" -Wl,-rpath,"$libdir" -lfwupdplugin -lfwupd \
        $(pkg-config --libs gio-unix-2.0 gmodule-2.0 gnutls json-glib-1.0 xmlb)
}

source_of()
{
    case $1 in
    tdx-blob | tdx-sigstruct) echo "$output/gen/fu-fuzzer-firmware-$1.c" ;;
    tdx-image) echo "contrib/fuzz/fuzz-$1.c data/tests/tdx-signer.c" ;;
    *) echo "contrib/fuzz/fuzz-$1.c" ;;
    esac
}

build()
{
    sanitize='-fsanitize=address,undefined -fno-sanitize=function -fno-sanitize-recover=all'
    mkdir -p "$output/bin"
    for target in $targets; do
        echo "building $target"
        # shellcheck disable=SC2046 # a list
        if [ "$engine" = afl ]; then
            cc=afl-clang-fast cflags=$sanitize ldflags=-fsanitize=fuzzer
            AFL_QUIET=1 link_program "$output/bin/$target" $(source_of "$target")
        else
            cc=clang cflags="$sanitize -fsanitize=fuzzer-no-link" ldflags=-fsanitize=fuzzer
            link_program "$output/bin/$target" $(source_of "$target")
        fi
    done
    cc=clang cflags='' ldflags=''
    link_program "$output/gen/make-tdx-blob" data/tests/make-tdx-blob.c data/tests/tdx-signer.c
    link_program "$output/gen/generate-tdx-blob" "$output/gen/fu-fuzzer-generate-tdx-blob.c"
}

# the XML of fwupd's harness, and signed images
make_seeds()
{
    rm -rf "$output/seeds"
    for target in $all_targets; do
        mkdir -p "$output/seeds/$target"
    done
    "$output/gen/generate-tdx-blob" plugins/tdx-module/tests/tdx-blob.builder.xml \
        "$output/seeds/tdx-blob/builder.bin"
    set -- "$output/gen/make-tdx-blob" --key "$signer"
    images=$output/seeds/tdx-blob
    "$@" --pages 1 "$images/v2.bin"
    "$@" --pages 1 --header-v1 "$images/v1.bin"
    "$@" --pages 1 --debug --svn 0x0305 --version 2.0.08 --embed-version "$images/debug.bin"
    "$@" --pages 2 --cpu 0xA06D0 --poke-sigstruct 0x3d8=02000100 "$images/handoff.bin"

    # parts of the images, and images without the zeros between the parts
    for image in "$images"/*.bin; do
        name=$(basename "$image")
        tail -c +4097 "$image" | head -c 4096 >"$output/seeds/tdx-sigstruct/$name"
        {
            printf '\000'
            head -c 24 "$image"
            head -c 6144 "$image" | tail -c +4097
            tail -c +8193 "$image"
        } >"$output/seeds/tdx-image/$name"
        {
            printf '\017'
            head -c 24 "$image"
            head -c 6144 "$image" | tail -c +4097
            printf 'module'
        } >"$output/seeds/tdx-image/short-$name"
    done

    texts=$output/seeds/tdx-text
    printf 'ivendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\nstepping\t: 8\n\n%s' \
        'bugs		: spectre_v1 seamret_invd_vmcs' >"$texts/cpuinfo"
    printf 'msev 0\ntdx 3\n' >"$texts/misc"
    printf 'v1.5.06' >"$texts/version"
    printf 'v65535.65535.65535' >"$texts/version-max"
    printf 'b<firmware><blob_version>0x100</blob_version></firmware>' >"$texts/blob"
}

max_len()
{
    case $1 in
    tdx-blob) echo 16384 ;;
    tdx-sigstruct) echo 4096 ;;
    tdx-image) echo 8192 ;;
    *) echo 512 ;;
    esac
}

fuzz_libfuzzer()
{
    target=$1
    log=$output/logs/$target.log
    mkdir -p "$output/corpus/$target"
    rc=0
    "$output/bin/$target" -max_total_time="$seconds" -max_len="$(max_len "$target")" -timeout=25 \
        -rss_limit_mb=2048 -print_final_stats=1 -dict="$here/tdx.dict" \
        -artifact_prefix="$output/crashes/$target-" "$output/corpus/$target" \
        "$output/seeds/$target" >"$log" 2>&1 || rc=$?
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    speed=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
    reached=$(sed -n 's/.*\(cov: [0-9]* ft: [0-9]* corp: [^ ]*\).*/\1/p' "$log" | tail -n 1)
    echo "$target: ${executions:-0} executions, ${speed:-0} per second, ${reached:-no coverage}"
    [ "$rc" -ne 0 ] || return 0
    tail -n 40 "$log"
    return 1
}

fuzz_afl()
{
    target=$1
    log=$output/logs/$target-afl.log
    stats=$output/afl/$target/default/fuzzer_stats
    rm -rf "$output/afl/$target"
    mkdir -p "$output/afl" "$output/corpus/$target"
    AFL_NO_UI=1 AFL_NO_AFFINITY=1 AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 \
        afl-fuzz -i "$output/seeds/$target" -o "$output/afl/$target" -V "$seconds" \
        -x "$here/tdx.dict" -G "$(max_len "$target")" -t 25000 -m none \
        -- "$output/bin/$target" >"$log" 2>&1 || { tail -n 40 "$log" && return 1; }
    set -- execs_done execs_per_sec edges_found total_edges bitmap_cvg corpus_count \
        saved_crashes saved_hangs
    echo "$target: $(for key; do sed -n "s/^\($key\) *: \(.*\)/\1 \2/p" "$stats"; done |
        paste -s -d, | sed 's/,/, /g')"
    found=0
    for input in "$output/afl/$target"/default/crashes/id* \
        "$output/afl/$target"/default/hangs/id*; do
        [ -f "$input" ] || continue

        # what was slow only because the machine was
        case $input in
        */hangs/*) timeout 25 "$output/bin/$target" "$input" >/dev/null 2>&1 && continue ;;
        esac
        found=1
        cp "$input" "$output/crashes/$target-$(sha256sum "$input" | cut -c 1-40)"
    done
    for input in "$output/afl/$target"/default/queue/id*; do
        cp "$input" "$output/corpus/$target/afl-$(sha256sum "$input" | cut -c 1-40)"
    done
    return "$found"
}

# run all that was found through a build that counts lines
report_coverage()
{
    rm -rf "$output/coverage"
    mkdir -p "$output/coverage"
    objects=
    cc=clang cflags='-fprofile-instr-generate -fcoverage-mapping' ldflags=''
    for target in $targets; do
        program=$output/coverage/$target
        # shellcheck disable=SC2046 # a list
        link_program "$program" $(source_of "$target") \
            "$sdk/source/libfwupdplugin/fu-fuzzer-main.c"
        objects="$objects${objects:+ -object} $program"
        find "$output/seeds/$target" "$output/corpus/$target" -type f -exec \
            env LLVM_PROFILE_FILE="$program-%p.profraw" "$program" {} + >/dev/null 2>&1 ||
            die "$program failed on the corpus"
    done
    "$(clang -print-prog-name=llvm-profdata)" merge -sparse -o "$output/coverage/profdata" \
        "$output"/coverage/*.profraw
    # shellcheck disable=SC2086 # a list
    "$(clang -print-prog-name=llvm-cov)" report $objects \
        -instr-profile "$output/coverage/profdata" "$root"/plugins/tdx-module/*.c \
        >"$output/coverage/report"
    echo "lines of the plugin that were reached:"
    awk '/\.c / { printf "%-32s %5d of %5d  %s\n", $1, $8 - $9, $8, $10 }' "$output/coverage/report"
}

engine=libfuzzer
output=build-fuzz
while [ $# -gt 0 ]; do
    case $1 in
    --afl) engine=afl ;;
    --output)
        [ $# -gt 1 ] || die "--output needs a folder"
        output=$2
        shift
        ;;
    -h | --help) usage && exit 0 ;;
    -*) usage >&2 && exit 2 ;;
    *) break ;;
    esac
    shift
done
seconds=${1:-60}
[ $# -eq 0 ] || shift
targets=${*:-$all_targets}
expr "$seconds" : '[1-9][0-9]*$' >/dev/null || die "SECONDS is '$seconds', expected a number from 1"
for target in $targets; do
    case " $all_targets " in
    *" $target "*) ;;
    *) die "TARGET is '$target', expected one of $all_targets" ;;
    esac
done
output=$(realpath -m "$output")
[ -f "$sdk/VERSION" ] || die "no plugin SDK in build/sdk: run contrib/setup.sh build first"

contrib/ci/install.sh clang libclang-rt-dev llvm
[ "$engine" != afl ] || contrib/ci/install.sh afl++
mkdir -p "$output/crashes" "$output/logs"
signer=$output/gen/test-signer.pem
generate
build
[ -f "$signer" ] || "$output/gen/make-tdx-blob" --make-key "$signer"
make_seeds

# the template sets this as well, but GLib has read it by then
export G_DEBUG=fatal-criticals
status=0
for target in $targets; do
    if [ "$engine" = afl ]; then
        fuzz_afl "$target" || status=1
    else
        fuzz_libfuzzer "$target" || status=1
    fi
done
report_coverage
[ $status -eq 0 ] || {
    echo "inputs that failed:"
    find "$output/crashes" -type f
}
exit $status
