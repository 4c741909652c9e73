#!/usr/bin/env bash
# Unpack another version of ngspice into a folder, without installing it and without root, so that
# the tests can run against it beside the installed one. Needs apt (Debian, Ubuntu).
#
#   scripts/fetch-ngspice.sh VERSION DEST      such as: 39 .ngspice/39
#
# `make test-ngspice39` shows the four variables that select it: all of them, or one version loads
# the other's files.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/apt-sources.sh
. "$here/apt-sources.sh"

say() { printf 'fetch-ngspice: %s\n' "$*"; }
fail() {
  say "$*" >&2
  exit 1
}

if [ $# != 2 ]; then
  echo "usage: scripts/fetch-ngspice.sh VERSION DEST" >&2
  exit 2
fi
prefix=$1
case $2 in
  /*) dest=$2 ;;
  *) dest=$PWD/$2 ;;
esac
mark=$dest/.fetched

# The unpacked files hold their own path (see below), so a folder that was moved is fetched anew.
if [ -f "$mark" ] && [ "$(cat "$mark")" = "$prefix $dest" ]; then
  say "ngspice $prefix is in $dest"
  exit 0
fi
if [ -e "$dest" ] && [ ! -f "$mark" ]; then
  fail "$dest exists and this script did not make it. Remove it, or name another folder."
fi

for tool in apt-get apt-cache dpkg-deb; do
  command -v "$tool" >/dev/null ||
    fail "no $tool here: this works on Debian and Ubuntu only. Nothing was changed."
done

work=$dest.part
trap 'apt_close; rm -rf "$work"' EXIT
# shellcheck disable=SC2119  # no command: fetching needs no root
apt_open

version=$(apt_version libngspice0 "$prefix")
if [ -z "$version" ] && apt_add_backports; then
  version=$(apt_version libngspice0 "$prefix")
fi
if [ -z "$version" ]; then
  fail "this machine's apt sources offer no ngspice $prefix. They offer:" \
    "$(apt-cache "${APT_OPTS[@]}" madison libngspice0 | awk -F ' *[|] *' '{ print $2 }' | xargs)." \
    "Nothing was changed."
fi

wanted=("ngspice=$version" "libngspice0=$version")
# Libraries that this version needs and that are not installed come along: what apt would add.
mapfile -t others < <(
  apt-get "${APT_OPTS[@]}" -s install --no-install-recommends --allow-downgrades "${wanted[@]}" |
    awk '$1 == "Inst" && $2 != "ngspice" && $2 != "libngspice0" { print $2 }'
)
(cd "$APT_TMP/debs" &&
  apt-get "${APT_OPTS[@]}" -q download "${wanted[@]}" "${others[@]}" </dev/null) ||
  fail "apt-get could not download version $version; its reason stands above. Nothing was changed."

rm -rf "$work"
mkdir -p "$work"
for deb in "$APT_TMP"/debs/*.deb; do
  dpkg-deb -x "$deb" "$work"
done

# ngspice's start-up file loads code models by absolute path: point it into this folder, or this
# version loads those of the installed one.
sed -i "s|\([[:space:]]\)/usr/lib/|\1$dest/usr/lib/|" "$work/usr/share/ngspice/scripts/spinit"

echo "$prefix $dest" >"$work/.fetched"
rm -rf "$dest"
mv "$work" "$dest"
say "ngspice $version is in $dest"
