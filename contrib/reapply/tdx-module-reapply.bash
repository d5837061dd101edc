# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# completion of tdx-module-reapply(8) for bash

_tdx_module_reapply()
{
    # shellcheck disable=SC2034 # set by _init_completion
    local cur prev words cword split
    _init_completion -s || return

    case $prev in
    --if-changed)
        _filedir
        return
        ;;
    --retry | --timeout | --wait)
        return
        ;;
    esac
    $split && return

    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_parse_help "$1")" -- "$cur")
        [[ ${COMPREPLY[*]} == *= ]] && compopt -o nospace
    elif [ "$cword" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W 'apply clear status store' -- "$cur")
    elif [ "${words[1]}" = store ]; then
        _filedir cab
    fi
} && complete -F _tdx_module_reapply tdx-module-reapply
