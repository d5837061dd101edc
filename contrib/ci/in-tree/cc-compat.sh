#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The compiler for fwupd before 2.1.7: the sources of the plugin get fu-compat.h, which is beside
# this script, and all else is compiled as it is.
for arg; do
    case $arg in
    */tdx-module/*.c) exec cc -include "$(dirname "$0")/fu-compat.h" "$@" ;;
    esac
done
exec cc "$@"
