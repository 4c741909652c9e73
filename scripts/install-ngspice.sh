#!/usr/bin/env bash
# Install ngspice: the program and the shared library, version 39 or newer.
# Does nothing where both are there already, or where NGSPICE_LIBRARY_PATH names a library.
#
#   scripts/install-ngspice.sh             install what is missing
#   scripts/install-ngspice.sh --dry-run   print the commands that would change the machine
#
# On Debian 12 it prefers the backports' ngspice, because it has the KLU solver, which large arrays
# need. The machine's own apt sources say where those are; they are not changed.
set -euo pipefail

OLDEST=39     # the oldest ngspice that the tests run against
FIRST_KLU=42  # the first one with the KLU solver

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/apt-sources.sh
. "$here/apt-sources.sh"

dry_run=
case "${1:-}" in
  '') ;;
  --dry-run) dry_run=yes ;;
  *)
    echo "usage: scripts/install-ngspice.sh [--dry-run]" >&2
    exit 2
    ;;
esac

say() { printf 'ngspice: %s\n' "$*"; }

# --- What is here -------------------------------------------------------------------------------

# The major version of the program, or nothing.
program_version() {
  command -v ngspice >/dev/null || return 0
  { ngspice --version 2>/dev/null </dev/null || true; } |
    sed -nE 's/.*ngspice-([0-9]+).*/\1/p' | sed -n 1p
}

library_path() {
  local path
  path=$({ PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null || true; } |
    sed -nE 's/.*libngspice\.so\.0 .*=> //p' | sed -n 1p)
  if [ -e "$path" ]; then echo "$path"; fi
}

# The major version of the library, or nothing. A library does not tell its version without being
# run, so ask the package; one that no package installed was built along with the program.
library_version() {
  [ -n "$(library_path)" ] || return 0
  local version
  # shellcheck disable=SC2016  # dpkg-query expands ${...}
  version=$(dpkg-query -W -f '${db:Status-Status} ${Version}\n' libngspice0 2>/dev/null |
    sed -nE 's/^installed ([0-9]+).*/\1/p' | sed -n 1p) || true
  if [ -n "$version" ]; then echo "$version"; else program_version; fi
}

usable() { [ "${1:-0}" -ge "$OLDEST" ]; }

state() {
  local program library
  program=$(program_version) library=$(library_version)
  echo "program ${program:-missing}, library ${library:-missing}"
}

both_usable() { usable "$(program_version)" && usable "$(library_version)"; }

klu_note() {
  if [ "$(library_version)" -lt "$FIRST_KLU" ]; then
    say "this version lacks the KLU solver (ngspice $FIRST_KLU and newer have it):" \
      "arrays above 64x64 will be slow. For a newer one later, remove ngspice and libngspice0" \
      "and run this script again."
  fi
}

# --- Messages -----------------------------------------------------------------------------------

by_hand() {
  cat <<END
Install ngspice and its shared library, version $OLDEST or newer, by hand:
  Debian, Ubuntu   apt-get install ngspice libngspice0
                   (Debian 12: add -t bookworm-backports for one with the KLU solver)
  Fedora           dnf install ngspice libngspice
  Arch             pacman -S ngspice
  macOS            brew install ngspice libngspice
                   export NGSPICE_LIBRARY_PATH="\$(brew --prefix)/lib/libngspice.dylib"
Elsewhere, or with a library of your own: set NGSPICE_LIBRARY_PATH to its full path.
END
}

fail() {
  {
    say "$*"
    say "on this machine now: $(state)"
    by_hand
  } >&2
  exit 1
}

# --- Nothing to do? -----------------------------------------------------------------------------

if [ -n "${NGSPICE_LIBRARY_PATH:-}" ]; then
  if [ -f "$NGSPICE_LIBRARY_PATH" ]; then
    say "using NGSPICE_LIBRARY_PATH=$NGSPICE_LIBRARY_PATH"
    exit 0
  fi
  fail "NGSPICE_LIBRARY_PATH names $NGSPICE_LIBRARY_PATH, which is no file. Correct or unset it."
fi

if both_usable; then
  say "already installed: $(state)"
  exit 0
fi

# --- Install ------------------------------------------------------------------------------------

if ! command -v apt-get >/dev/null; then
  fail "missing or older than $OLDEST, and this script installs it only with apt-get."
fi

as_root=()
if [ "$(id -u)" != 0 ]; then
  if ! sudo -n true 2>/dev/null; then
    fail "missing or older than $OLDEST; installing it needs root, and sudo without a password" \
      "does not work here."
  fi
  as_root=(sudo -n)
fi

# Installs both packages with the given extra options of apt-get.
install_with() {
  local command=(
    ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive
    apt-get "${APT_OPTS[@]}" -y -q install --no-install-recommends "$@" ngspice libngspice0
  )
  if [ -n "$dry_run" ]; then
    printf '%q ' "${command[@]}"
    echo
    return 0
  fi
  "${command[@]}" </dev/null
}

trap apt_close EXIT
say "missing or older than $OLDEST ($(state)); installing"
apt_open ${as_root[@]+"${as_root[@]}"}
if [ -n "$dry_run" ]; then
  say "would run (in an actual run the temporary folder $APT_TMP has another name):"
fi

done_from=
if [ "$(apt_codename)" = bookworm ]; then
  if ! apt_add_backports; then
    say "the Debian backports cannot be reached through this machine's apt sources;" \
      "taking the release's own version."
  elif install_with -t bookworm-backports; then
    done_from=backports
  else
    say "installing from the Debian backports failed (above); trying the release's own version."
  fi
fi
if [ -z "$done_from" ] && ! install_with; then
  fail "apt-get could not install it; its reason stands above. An install that broke off is" \
    "finished by: dpkg --configure -a"
fi
if [ -n "$dry_run" ]; then exit 0; fi

if ! both_usable; then
  fail "apt-get installed it, yet there is no usable version $OLDEST or newer: this system's" \
    "packages may be too old, or another ngspice stands before them on PATH."
fi
say "installed: $(state)"
klu_note
