# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# completion of tdx-module-status(8) for bash

_tdx_module_status()
{
    # shellcheck disable=SC2034 # set by _init_completion
    local cur prev words cword split
    _init_completion -s || return

    case $prev in
    --tcb-info)
        _filedir json
        return
        ;;
    --tcb-chain)
        _filedir pem
        return
        ;;
    --output)
        _filedir
        return
        ;;
    --timeout)
        return
        ;;
    esac
    $split && return

    mapfile -t COMPREPLY < <(compgen -W "$(_parse_help "$1")" -- "$cur")
    [[ ${COMPREPLY[*]} == *= ]] && compopt -o nospace
} && complete -F _tdx_module_status tdx-module-status
