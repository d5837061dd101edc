#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Builds the Debian package and takes it through its life, in Debian 13 with one version of fwupd.
#
# usage: contrib/ci/check-package.sh FLAVOUR      as in contrib/ci/chroot.sh
#        contrib/ci/check-package.sh --inside     in a Debian 13 that may be changed, as root
#
# Prints TAP. What a failed check printed follows it.
#
# shellcheck disable=SC1091,SC2317 # tap.sh has check(), which calls what looks unreachable
set -eu
cd "$(dirname "$0")/../.."
name='fwupd-plugin-tdx-module'

if [ "${1:-}" != --inside ]; then
    [ $# -eq 1 ] || { echo "usage: contrib/ci/check-package.sh FLAVOUR|--inside" >&2 && exit 2; }
    # shellcheck disable=SC2046 # a list
    exec contrib/ci/chroot.sh --bind "$PWD:/mnt" "$1" build-essential debhelper libfuse3-dev lintian \
        -- /mnt/contrib/ci/check-package.sh --inside
fi

fwupd=$(dpkg-query -W -f '${Version}' fwupd)

. contrib/ci/tap.sh

# the state of the package, and its version
state()
{
    dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$name"
}

the_package()
{
    set -- "$1/${name}"_*.deb
    [ $# -eq 1 ] && echo "$1"
}

# the package as version $1, with its control file changed by the sed script $2
rebuild()
{
    rm -rf "$tmp/unpacked"
    dpkg-deb -R "$(the_package "$tmp/first")" "$tmp/unpacked"
    sed -i "s/^Version: .*/&$1/;$2" "$tmp/unpacked/DEBIAN/control"
    dpkg-deb -b "$tmp/unpacked" "$tmp/$1.deb"
}

# everything in the file system but what dpkg, apt and other packages keep for themselves
snapshot()
{
    find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path "$PWD" \
        -o -path /root -o -path /var/log -o -path /var/lib/apt -o -path '/var/cache/*' \
        -o -path '/var/lib/dpkg/*-old' -o -path /var/lib/dpkg/status -o -path '/var/lib/dpkg/lock*' \
        -o -path /var/lib/dpkg/triggers -o -path /etc/ld.so.cache \) -prune \
        -o -type d -printf '%p %y %m %u:%g\n' -o -printf '%p %y %m %u:%g %s %T@ %l\n' | sort
}

get_plugins()
{
    mkdir -p "$tmp/fwupd/lib/fwupd" "$tmp/fwupd/cache/fwupd"
    FWUPD_LOCALSTATEDIR=$tmp/fwupd fwupdtool get-plugins --json
}

# another path, time zone and umask, and without the self-test
build_again()
{
    umask 027
    TZ=Asia/Tokyo DEB_BUILD_OPTIONS=nocheck contrib/debian/build.sh --output "$tmp/second"
    for file in "$tmp"/first/*.deb "$tmp"/first/*.tar.* "$tmp"/first/*.dsc; do
        cmp "$file" "$tmp/second/${file##*/}"
    done
    # nor where it was built
    dpkg-deb --fsys-tarfile "$(the_package "$tmp/first")" | tar -x -C "$(mktemp -d -p "$tmp")"
    fails grep -rl --binary-files=text "$(dirname "$tmp")/tmp\." "$tmp"/tmp.*
}

contents()
{
    package=$(the_package "$tmp/first")
    case $package in *"+fwupd${fwupd%-*}-"*"+${fwupd##*-}_amd64.deb") ;; *) false ;; esac
    dpkg-deb -f "$package" Depends | tr , '\n' | grep -x " *fwupd (= $fwupd)"
    dpkg-deb -c "$package" | awk '!/\/$/ { sub(/^\./, "", $6); print $6 }' | tee "$tmp/contents"
    for file in "/usr/lib/x86_64-linux-gnu/fwupd-${fwupd%-*}/libfu_plugin_tdx_module.so" \
        /usr/share/fwupd/quirks.d/tdx-module.quirk \
        /usr/lib/systemd/system/fwupd.service.d/tdx-module.conf \
        /usr/sbin/tdx-module-reapply /usr/share/man/man8/tdx-module-reapply.8.gz \
        /usr/sbin/tdx-module-status /usr/share/man/man8/tdx-module-status.8.gz \
        "/usr/share/$name/tdx-module-status.schema.json" \
        "/usr/share/doc/$name/README.md" "/usr/share/doc/$name/plugins/tdx-module/README.md" \
        "/usr/share/doc/$name/README.Debian" "/usr/share/doc/$name/copyright"; do
        grep -qxF "$file" "$tmp/contents"
    done
    fails grep -E '^/(etc|var|run|lib|opt|usr/local)/|installed-tests' "$tmp/contents"
}

# the documents in the package link to each other, and alerts to them
links()
{
    dpkg-deb --fsys-tarfile "$(the_package "$tmp/first")" | tar -x -C "$(mktemp -d "$tmp/links.XXXXXX")"
    set -- "$tmp"/links.*/usr/share/doc/"$name"
    for test in test_links test_alerts; do
        TDX_DOCUMENTS=$1 python3 -B data/tests/test_docs.py "PathsTest.$test"
    done
}

# install with a service manager that notes what it is asked to do
installs()
{
    mkdir -p "$tmp/bin" /run/systemd/system
    printf '#!/bin/sh\necho "$@" >>%s/systemctl.log\n' "$tmp" >"$tmp/bin/systemctl"
    chmod 755 "$tmp/bin/systemctl"
    apt-get -y -o DPkg::Path="$tmp/bin:$PATH" install "$(the_package "$tmp/first")"
    rmdir /run/systemd/system
    state | grep '^installed '
    grep -nx -e '.*daemon-reload' -e 'try-restart fwupd.service' "$tmp/systemctl.log"
    tail -n 1 "$tmp/systemctl.log" | grep -x 'try-restart fwupd.service'
    fails grep -E '^(start|restart|enable) .*tdx' "$tmp/systemctl.log"
}

loads()
{
    get_plugins | tee "$tmp/plugins"
    python3 -c 'import json, sys
assert [sorted(plugin["Flags"]) for plugin in json.load(open(sys.argv[1]))["Plugins"]
    if plugin["Name"] == "tdx_module"] == [["modular", "ready"]]' "$tmp/plugins"
}

units()
{
    grep -E '^/usr/lib/systemd/system/[^/]*$' "$tmp/contents" | sed 's,.*/,,'
}

units_disabled()
{
    [ -n "$(units)" ]
    for unit in $(units); do
        [ "$(systemctl is-enabled "$unit")" != enabled ]
        systemd-analyze --man=no verify "$unit"
    done
    [ -z "$(find /etc/systemd -name '*tdx*')" ]
}

# apt upgrade removes nothing, so it holds the newer fwupd back; full-upgrade says what it removes
newer_fwupd()
{
    mkdir -p "$tmp/fake/DEBIAN"
    printf '%s\n' 'Package: fwupd' "Version: $fwupd+newer" 'Architecture: amd64' \
        'Maintainer: nobody <nobody@example.org>' 'Description: newer' >"$tmp/fake/DEBIAN/control"
    dpkg-deb -b "$tmp/fake" "$tmp/fwupd.deb"
    fails apt-get -s --no-remove install "$tmp/fwupd.deb"
    apt-get -s install "$tmp/fwupd.deb" | grep "^Remv $name "
    rebuild +newer "s/fwupd (= $fwupd)/fwupd (= $fwupd+newer)/"
    apt-get -s --no-remove install "$tmp/fwupd.deb" "$tmp/+newer.deb" | grep "^Inst $name "
}

upgrades()
{
    rebuild +b1 ''
    apt-get -y install "$tmp/+b1.deb"
    state | grep '^installed .*+b1$'
}

wrong_fwupd()
{
    rebuild +b2 "s/fwupd (= $fwupd)/fwupd (= 9.9-1)/"
    fails apt-get -y install "$tmp/+b2.deb"
    state | grep '^installed .*+b1$'
    fails dpkg -i "$tmp/+b2.deb"
    state | grep '^unpacked '
    dpkg -i "$tmp/+b1.deb"
}

removes()
{
    for unit in $(units); do
        if [ "$(systemctl is-enabled "$unit")" = disabled ]; then systemctl enable "$unit"; fi
    done
    mkdir -p /var/lib/tdx-module
    date >/var/lib/tdx-module/state
    apt-get -y remove "$name"
    [ -f /var/lib/tdx-module/state ]
    get_plugins >"$tmp/plugins"
    fails grep tdx "$tmp/plugins"
}

purges()
{
    apt-get -y purge "$name"
    snapshot >"$tmp/after"
    diff -u "$tmp/before" "$tmp/after"
}

check "the package is built for fwupd $fwupd" contrib/debian/build.sh --output "$tmp/first"
[ $failed -eq 0 ] || plan
check 'a second build gives the same files' build_again
check 'lintian has nothing to say' lintian --allow-root -I -E --pedantic \
    --fail-on error,warning,info,pedantic,experimental "$tmp"/first/*.changes
check 'it contains what it should, and depends on this fwupd only' contents
check 'its documents link to each other' links
get_plugins >/dev/null 2>&1
snapshot >"$tmp/before"
check 'it is installed, and fwupd restarted' installs
check 'fwupd loads the plugin' loads
check 'what it does at boot is switched off' units_disabled
check 'a newer fwupd comes with its plugin, or apt says what it removes' newer_fwupd
check 'it is upgraded' upgrades
check 'it is not installed beside another fwupd' wrong_fwupd
check 'it is removed, but not its state' removes
check 'nothing is left after it was purged' purges
plan
