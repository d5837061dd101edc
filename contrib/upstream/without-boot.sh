#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# usage: contrib/upstream/without-boot.sh FOLDER
#
# Takes the device of the next boot out of a copy of the plugin's folder, as it is a patch of its own.
set -eu
cd "$1"
functions='fu_tdx_host_(device_new|new_from_context)|fu_tdx_module_plugin_(coldplug|reboot_cleanup)'
functions="$functions|fu_tdx_outcome_check_boot|fu_tdx_preflight_(check_boot(_version)?|sigstruct_to_version)"

rm fu-tdx-boot-device.?
sed -i "/'fu-tdx-boot-device.c'/d" meson.build
sed -i -e '/TDX.BOOT/d' -e '/^### At the next boot/,/^## /{/^## /!d}' \
    -e 's/\. On older kernels.*/./' -e '/^system partition, from which/d' README.md
sed -i -e '/"fu-tdx-\(boot-device\|outcome\).h"/d' -e '/FU_TYPE_TDX_BOOT_DEVICE/d' -e '/"BootModule", "false"/d' \
    -e 's/ "BootModule",//' -e '/= fu_tdx_module_plugin_\(coldplug\|reboot_cleanup\);/d' \
    fu-tdx-module-plugin.c

# each block at the top level ends with a brace, an empty line, or as a prototype does
for file in fu-tdx-host.? fu-tdx-module-plugin.c fu-tdx-outcome.? fu-tdx-preflight.?; do
    awk -v functions="(^|\n)($functions)[(]" '
        function flush() {
            if (block == "\n")
                empty = 1
            else if (block !~ functions) {
                printf "%s%s", empty ? "\n" : "", block
                empty = 0
            }
            block = ""
        }
        { block = block $0 "\n" }
        /^{/ { body = 1 }
        /^}/ { body = 0 }
        !body && (/^}/ || /^$/ || /;$/) { flush() }
        END { flush() }' "$file" >new
    mv new "$file"
done
! grep -rniE "boot.?device|check_boot|BootModule" .
