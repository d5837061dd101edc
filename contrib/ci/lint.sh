#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The linters: those of fwupd, from the newest source that Debian has, for the plugin's folder, and
# the usual ones for all of it. As root, as it installs what is missing. Prints TAP.
#
# usage: contrib/ci/lint.sh BUILD_FOLDER
#
# shellcheck disable=SC1091,SC2034,SC2317 # tap.sh has check(), which calls what looks unreachable
set -eu
cd "$(dirname "$0")/../.."
[ $# -eq 1 ] || { sed -n 's/^# \{0,1\}//;8p' "$0" >&2 && exit 2; }
build=$(realpath "$1")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
number=0
failed=0
. contrib/ci/tap.sh
contrib/ci/install.sh binutils clang-format codespell file git groff ruby-mdl shellcheck

# a tree of fwupd with the plugin, as far as the linters look
prepare()
{
    cp -R "$(contrib/upstream/source.sh newest)" "$tmp/tree"
    rm -rf "$tmp/tree/plugins"
    mkdir "$tmp/tree/plugins"
    cp -r plugins/tdx-module "$tmp/tree/plugins"
}

# they print the names of the files that they look at, and what is wrong
upstream()
{
    cd "$tmp/tree"
    python3 -B "contrib/ci/check-$1.py" plugins/tdx-module/*
}

clang_format()
{
    cmp .clang-format "$tmp/tree/.clang-format"
    git ls-files '*.c' '*.h' ':!contrib/vm/driver' | xargs clang-format --dry-run -Werror
}

# as upstream has it configured; the words in documents of ours are British
spelling()
{
    (cd "$tmp/tree" && codespell --config contrib/codespell.cfg plugins/tdx-module)
    git ls-files ':!*.pem' ':!*.png' ':!*.json' ':!contrib/codespell.txt' |
        xargs codespell --ignore-words contrib/codespell.txt
}

# the rules of upstream's .markdownlint.json, in the words of the older program that Debian has
markdown()
{
    cat >"$tmp/style.rb" <<RULES
all
exclude_rule 'MD002'
exclude_rule 'MD033'
exclude_rule 'MD036'
exclude_rule 'MD041'
rule 'MD013', :line_length => 1000, :tables => false
rule 'MD029', :style => :ordered
rule 'MD046', :style => :consistent
RULES
    git ls-files '*.md' | xargs mdl --style "$tmp/style.rb"
}

scripts()
{
    git ls-files '*.sh' '*.bash' .ci/run contrib/debian/rules | grep -v rules | xargs shellcheck
}

manuals()
{
    for page in docs/*.[1-8]; do
        groff -man -Tutf8 -ww -z "$page" 2>"$tmp/groff"
        [ ! -s "$tmp/groff" ] || { cat "$tmp/groff" && return 1; }
    done
}

# pictures in documents are all there is
no_binaries()
{
    git ls-files ':!docs/images/*.png' | xargs file --mime-encoding |
        awk '/: *binary$/ && !/empty/ { print; found = 1 } END { exit found }'
}

# each tells the linter why not
no_waivers()
{
    ! grep -rn 'nocheck' plugins/tdx-module
}

unused()
{
    cd "$tmp/tree"
    python3 -B contrib/ci/check-unused.py "$build/plugins/tdx-module" \
        "$build/libfu_plugin_tdx_module.so.p" >"$tmp/unused" || true
    ! grep '^Unused' "$tmp/unused"
}

check "the newest source of fwupd is there" prepare
[ $failed -eq 0 ] || { plan && exit 1; }
for script in source headers quirks license potfiles; do
    check "fwupd's check-$script.py finds nothing in the plugin" upstream "$script"
done
check "fwupd's check-unused.py finds nothing in the plugin" unused
check "clang-format changes nothing" clang_format
check "codespell finds nothing" spelling
check "markdownlint finds nothing" markdown
check "shellcheck finds nothing" scripts
check "groff takes the manual pages" manuals
check "nothing is binary" no_binaries
check "no linter is told to look away" no_waivers
plan
exit $failed
