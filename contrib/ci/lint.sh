#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The linters: those of fwupd, from the newest source that Debian has, for the plugin's folder, and
# the usual ones for all of it. All are those of Debian 13, whatever runs here. As root. Prints TAP.
#
# usage: contrib/ci/lint.sh BUILD_FOLDER [TREE]    TREE is another source of fwupd
#        contrib/ci/lint.sh --format               only formats all C code
#
# shellcheck disable=SC1091,SC2317 # tap.sh has check(), which calls what looks unreachable
set -eu
cd "$(dirname "$0")/../.."
if [ "${1:-}" != --inside ]; then
    [ $# -eq 1 ] || [ -f "${2:-}/meson.build" ] || {
        echo 'usage: contrib/ci/lint.sh BUILD_FOLDER [TREE]|--format' >&2
        exit 2
    }
    contrib/ci/install.sh git
    fwupd=$(realpath "${2:-$(contrib/upstream/source.sh newest)}")
    # that of a worktree is elsewhere
    git=$(realpath "$(git rev-parse --git-common-dir)")
    exec contrib/ci/chroot.sh --plain --bind "$PWD:/mnt" --bind "$git:$git" --bind "$fwupd:/media" \
        2.0.20 binutils clang-format codespell file git gitleaks groff ruby-mdl shellcheck -- \
        /mnt/contrib/ci/lint.sh --inside "$1"
fi
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
code=$(git ls-files '*.c' '*.h' ':!contrib/vm/driver')
# shellcheck disable=SC2086 # a list
[ "$2" != --format ] || exec clang-format -i $code
build=$(realpath "$2")
. contrib/ci/tap.sh

# a tree of fwupd with the plugin, as far as the linters look
prepare()
{
    cp -R /media "$tmp/tree"
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
    # shellcheck disable=SC2086 # a list
    clang-format --dry-run -Werror $code
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

# as pre-commit runs pretty-format-json
json()
{
    for file in plugins/tdx-module/tests/*.json; do
        python3 -m json.tool --indent 2 "$file" | diff -u "$file" -
    done
}

secrets()
{
    gitleaks detect --no-git --no-banner --redact --verbose --source plugins/tdx-module
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

prepare
for script in source headers quirks license potfiles; do
    check "fwupd's check-$script.py finds nothing in the plugin" upstream "$script"
done
check "fwupd's check-unused.py finds nothing in the plugin" unused
check "clang-format changes nothing" clang_format
check "codespell finds nothing" spelling
check "markdownlint finds nothing" markdown
check "the recordings are formatted as fwupd's are" json
check "gitleaks finds nothing in the plugin" secrets
check "shellcheck finds nothing" scripts
check "groff takes the manual pages" manuals
check "nothing is binary" no_binaries
check "no linter is told to look away" no_waivers
plan
