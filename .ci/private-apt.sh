# Sourced by what unpacks a program of another Debian suite into a folder of its own: an apt that
# reads nothing but that suite and installs nothing. Signatures are checked as always.
#
#   private_apt NAME SUITE [MIRROR]
#
# sets `work`, a folder that goes when the script ends, with packages/ and root/ in it, and points
# apt-get at the suite. Needs a function `fail`. Without MIRROR the one of this machine's apt is used.

private_apt() {
  local name=$1 suite=$2 mirror=${3:-} program
  for program in apt-get apt-cache dpkg-deb; do
    command -v "$program" > /dev/null || fail "$program is needed to unpack it (Debian or Ubuntu has it)"
  done
  if [ -z "$mirror" ]; then
    mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Identifier: Packages' |
      awk '$1 !~ /security|updates|backports/ && $2 ~ /debian\/?$/ && !url { url = $2 } END { print url }')
  fi
  [ -n "$mirror" ] || fail "no Debian mirror in this machine's apt sources: name one"
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -s "$keyring" ] || fail "$keyring is missing: install the package debian-archive-keyring"

  work=$(mktemp -d "${TMPDIR:-/tmp}/$name.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work"/{lists/partial,archives/partial,empty,packages,root}
  : > "$work/status"
  echo "deb [signed-by=$keyring] $mirror $suite main" > "$work/sources.list"
  cat > "$work/apt.conf" <<CONF
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "$work/empty";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "$work/empty";
Dir::State "$work";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work";
Dir::Cache::archives "$work/archives";
Acquire::Languages "none";
// a mirror may lag: its index's date has run out, its signature still counts
Acquire::Check-Valid-Until "false";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Debug::NoLocking "true";
CONF
  export APT_CONFIG=$work/apt.conf
  apt-get -qq update
}
