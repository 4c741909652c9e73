# shellcheck shell=bash
# Sourced by install-ngspice.sh and fetch-ngspice.sh: apt with its package lists in a temporary
# folder. The machine's own sources and lists stay as they are, and looking packages up needs no
# root.
#
#   apt_open [COMMAND...]  make the folder and fetch the lists of the machine's own sources;
#                          COMMAND (such as "sudo -n") goes before whatever has to be root
#   apt_add_backports      add Debian's backports; returns 1 where the machine cannot reach them
#   apt_version PKG PREFIX print the newest version of PKG that starts with PREFIX, or nothing
#   apt_close              remove the folder
#
# After apt_open, APT_OPTS holds the options that point an apt command at the folder.

APT_TMP=
APT_OPTS=()
APT_ROOT=()

apt_open() {
  local parts file
  APT_ROOT=("$@")
  APT_TMP=$(mktemp -d)
  mkdir -p "$APT_TMP"/{parts,lists/partial,cache/archives/partial,debs}
  # apt fetches as the user _apt, who has to get at the folder and may write to the last one.
  chmod 755 "$APT_TMP"
  if [ "$(id -u)" = 0 ] && id _apt >/dev/null 2>&1; then
    chown _apt "$APT_TMP"/debs
  fi
  parts=$(apt-config shell PARTS Dir::Etc::sourceparts/d)
  eval "$parts"
  for file in "${PARTS:-/etc/apt/sources.list.d}"/*.{list,sources}; do
    if [ -r "$file" ]; then cp -L "$file" "$APT_TMP/parts/"; fi
  done
  APT_OPTS=(
    -o "Dir::Etc::SourceParts=$APT_TMP/parts"
    -o "Dir::State::Lists=$APT_TMP/lists"
    -o "Dir::Cache=$APT_TMP/cache"
    -o Acquire::Languages=none
    -o Acquire::Retries=3
    -o DPkg::Lock::Timeout=120
    -o Dpkg::Use-Pty=0
  )
  apt_update
}

# One broken source (somebody's own, say) must not stop what the others can give, so a failure is
# only told: what is missing shows when a package is asked for.
apt_update() {
  ${APT_ROOT[@]+"${APT_ROOT[@]}"} apt-get "${APT_OPTS[@]}" -qq update </dev/null >&2 ||
    echo "apt-get update reported errors (above); going on with the sources that answered." >&2
}

apt_close() {
  if [ -n "$APT_TMP" ]; then
    ${APT_ROOT[@]+"${APT_ROOT[@]}"} rm -rf "$APT_TMP"
  fi
  APT_TMP=
}

# The place, as FILE:N, of the source with Debian's `main` for the release $1. apt reads both of
# its formats for us, and the archive's signed Release file says which source is Debian itself: not
# the security archive, which has another label, and nobody else's.
apt_debian_source() {
  # shellcheck disable=SC2016  # apt expands $(SOURCESENTRY)
  apt-get "${APT_OPTS[@]}" indextargets --format '$(SOURCESENTRY)' \
    'Created-By: Packages' 'Component: main' "Codename: $1" "Origin: $2" | sed -n 1p
}

apt_codename() { (. /etc/os-release && echo "${VERSION_CODENAME:-}"); }

apt_add_backports() {
  local release suite entry file number
  release=$(apt_codename)
  suite=$release-backports
  if [ -n "$(apt_debian_source "$suite" 'Debian Backports')" ]; then return 0; fi
  entry=$(apt_debian_source "$release" Debian)
  if [ -z "$entry" ]; then return 1; fi
  file=${entry%:*} number=${entry##*:}
  # The same source with another suite: its address, key and options stay what they are.
  case $file in
    *.sources)
      {
        printf 'Types: deb\nSuites: %s\nComponents: main\n' "$suite"
        # N counts paragraphs, in which comments do not count.
        awk -v n="$number" '
          /^#/ { next }
          /^[[:space:]]*$/ { inside = 0; next }
          !inside { inside = 1; paragraph++ }
          paragraph != n { next }
          /^[^[:space:]]/ { drop = tolower($0) ~ /^(types|suites|components)[[:space:]]*:/ }
          !drop' "$file"
      } >"$APT_TMP/parts/mtjspice-backports.sources"
      ;;
    *)
      # N is a line: deb [options] address suite components
      sed -nE "${number}s/^[[:space:]]*(deb[[:space:]]+(\[[^]]*\][[:space:]]+)?[^[:space:]]+[[:space:]]+).*/\1$suite main/p" \
        "$file" >"$APT_TMP/parts/mtjspice-backports.list"
      ;;
  esac
  apt_update
  [ -n "$(apt_debian_source "$suite" 'Debian Backports')" ]
}

apt_version() {
  # The character after the prefix must not be a digit: 4 is not 46.
  apt-cache "${APT_OPTS[@]}" madison "$1" |
    awk -F ' *[|] *' -v prefix="$2" '
      index($2, prefix) == 1 && substr($2, length(prefix) + 1, 1) !~ /[0-9]/ && !found {
        print $2
        found = 1
      }'
}
