# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# completion of tdx-module-cabinet(1) for bash

_tdx_module_cabinet()
{
    # shellcheck disable=SC2034 # set by _init_completion
    local cur prev words cword split
    _init_completion -s || return

    case $prev in
    --urgency)
        mapfile -t COMPREPLY < <(compgen -W 'low medium high critical' -- "$cur")
        return
        ;;
    --header-version)
        mapfile -t COMPREPLY < <(compgen -W '0x200 0x100' -- "$cur")
        return
        ;;
    --map | --tcb-info)
        _filedir json
        return
        ;;
    --certificate | --key | --tcb-chain)
        _filedir '@(pem|crt|key)'
        return
        ;;
    --quirks)
        _filedir quirk
        return
        ;;
    --notes)
        _filedir
        return
        ;;
    --output)
        _filedir -d
        return
        ;;
    --remote-settings)
        _filedir
        return
        ;;
    --base-uri | --description | --fwupd-version | --issue | --keep | --phased-update | \
        --release-version)
        return
        ;;
    esac
    $split && return

    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_parse_help "$1")" -- "$cur")
        [[ ${COMPREPLY[*]} == *= ]] && compopt -o nospace
    elif [ "$cword" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W 'build mirror' -- "$cur")
    else
        _filedir blob
    fi
} && complete -F _tdx_module_cabinet tdx-module-cabinet
