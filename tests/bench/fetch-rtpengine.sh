#!/bin/bash
# Unpacks rtpengine from Debian's packages into a private folder, so that a run can measure the peer
# beside the gateway: no root, nothing installed, signatures checked by apt as always. Does nothing
# when the folder is there. Prints the path of the program to standard output.
#
#   fetch-rtpengine.sh           unpack unless it is there already
#   fetch-rtpengine.sh --check   say whether it is there, by the exit status
#
#   RTPENGINE_ROOT    where to (default: webrtc-sip-gateway/rtpengine in the user's cache folder)
#   RTPENGINE_SUITE   Debian suite (default sid: it has the version that calls libopus directly)
#   RTPENGINE_MIRROR  mirror to take it from (default: the one that this machine's apt uses)
set -euo pipefail
: "${RTPENGINE_ROOT:=${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/webrtc-sip-gateway/rtpengine}"
: "${RTPENGINE_SUITE:=sid}" "${RTPENGINE_MIRROR:=}"
program=$RTPENGINE_ROOT/start

fail() { echo "rtpengine: $*" >&2; exit 1; }
there() { [ -x "$program" ]; }
say() { echo "rtpengine: $("$program" --version 2>&1 | head -1), in $RTPENGINE_ROOT" >&2; echo "$program"; }

[ "${1:-}" = --check ] && { there; exit; }
there && { say; exit 0; }
mkdir -p "$(dirname "$RTPENGINE_ROOT")"
exec 9> "$RTPENGINE_ROOT.lock"
flock 9                                    # two runs may want it at once: the second waits
there && { say; exit 0; }

. "$(dirname "$0")/../../.ci/private-apt.sh"
private_apt rtpengine "$RTPENGINE_SUITE" "$RTPENGINE_MIRROR"
trap 'rm -rf "$work" "$RTPENGINE_ROOT.new"' EXIT

package=rtpengine-daemon
apt-cache show "$package" > /dev/null 2>&1 || package=ngcp-rtpengine-daemon

# The wanted package and what it depends on, without what only an installation needs
packages() {
  apt-get -s -qq install "$package" | awk '$1 == "Inst" { print $2 }' |
    grep -vxE 'dpkg|perl.*|debconf|adduser|passwd|systemd|udev|dkms|init-system-helpers|mount|tar'
}
(cd "$work/packages" && packages | xargs apt-get -qq download 2> "$work/download.log") ||
  { cat "$work/download.log" >&2; fail "the download failed"; }
for archive in "$work"/packages/*.deb; do
  dpkg-deb -x "$archive" "$work/root"
  rm "$archive"
done
rm -rf "$work"/root/usr/{share,include,libexec} "$work"/root/var

loader=$(ls "$work"/root/usr/lib*/ld-linux*.so.* | head -1)
libraries=$(dirname "$(ls "$work"/root/usr/lib/*/libc.so.6)")
paths() { # a library path relative to $1: some packages keep theirs one folder down
  local folder list=
  for folder in "$libraries" "$libraries"/{pulseaudio,blas,lapack,samba}; do
    [ -d "$folder" ] && list+=:$1${folder#"$work/root"}
  done
  echo "${list#:}"
}
# Some packages leave it to ldconfig to make the link by which a library is found
PATH=$PATH:/usr/sbin:/sbin ldconfig -n "$libraries"
missing=$("$loader" --inhibit-cache --library-path "$(paths "$work/root")" --list \
  "$work/root/usr/bin/rtpengine" 2>&1 | grep -E 'cannot open|not found' || true)
[ -z "$missing" ] || fail "these libraries are missing: $missing"

# The unpacked program runs with its own loader and C library, whatever this machine has
cat > "$work/root/start" <<START
#!/bin/sh
root=\$(CDPATH= cd -- "\$(dirname -- "\$0")" && pwd)
exec "\$root${loader#"$work/root"}" --library-path "$(paths '$root')" "\$root/usr/bin/rtpengine" "\$@"
START
chmod +x "$work/root/start"
rm -rf "$RTPENGINE_ROOT" "$RTPENGINE_ROOT.new"
cp -a "$work/root" "$RTPENGINE_ROOT.new"   # the cache may be another file system: copy, then rename
mv "$RTPENGINE_ROOT.new" "$RTPENGINE_ROOT"
say
