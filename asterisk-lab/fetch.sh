#!/bin/bash
# Unpacks Asterisk from Debian's packages into a private folder: no container, no root, nothing
# installed. Signatures are checked by apt as always. Does nothing when the folder is there.
#
#   fetch.sh           unpack unless it is there already
#   fetch.sh --check   say whether it is there, by the exit status
#
#   LAB_ROOT    where to (default: asterisk-lab/root in the user's cache folder)
#   LAB_SUITE   Debian suite that has Asterisk (default sid; bookworm and trixie have none)
#   LAB_MIRROR  mirror to take it from (default: the one that this machine's apt uses)
#   LAB_FULL=1  every dependency, instead of those that the lab's modules need
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
: "${LAB_ROOT:=${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/asterisk-lab/root}"
: "${LAB_SUITE:=sid}" "${LAB_MIRROR:=}" "${LAB_FULL:=}"

fail() { echo "asterisk-lab: $*" >&2; exit 1; }

[ "${1:-}" = --check ] && { [ -x "$LAB_ROOT/asterisk" ]; exit; }
[ -x "$LAB_ROOT/asterisk" ] && exit 0
mkdir -p "$(dirname "$LAB_ROOT")"
exec 9> "$LAB_ROOT.lock"
flock 9                                    # two test runs may want it at once: the second waits
[ -x "$LAB_ROOT/asterisk" ] && exit 0

. "$here/../.ci/private-apt.sh"
private_apt asterisk-lab "$LAB_SUITE" "$LAB_MIRROR"
trap 'rm -rf "$work" "$LAB_ROOT.new"' EXIT

# The packages whose libraries the lab's modules load; the closure of all dependencies is four times
# as big. Should the list go out of date, missing_libraries below says so and all packages are taken.
needed='asterisk|asterisk-modules|libc6|libgcc-s1|libstdc\+\+6|zlib1g|libcap2|libuuid1|libmd0|libbsd0'
needed+='|libcrypt1|libedit2|libtinfo6|libjansson4|liburiparser1|libxml2(-[0-9]+)?|libxslt1\.1|liblzma5'
needed+='|libsqlite3-0|libssl[0-9].*|libzstd1|libsystemd0|libsrtp2-1|libnss3|libnspr4|libopus0'

closure() { # every package that asterisk depends on
  apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
    --no-replaces --no-enhances asterisk | grep -E '^[a-z0-9]' | sort -u
}
everything() { apt-get -s -qq install asterisk | awk '$1 == "Inst" { print $2 }'; }
unpack() { # the packages on standard input
  (cd "$work/packages" && xargs apt-get -qq download 2> "$work/download.log") ||
    { cat "$work/download.log" >&2; fail "the download failed"; }
  local package
  for package in "$work"/packages/*.deb; do
    dpkg-deb -x "$package" "$work/root"
    rm "$package"
  done
}
missing_libraries() { # what the lab's modules load from outside the folder, or do not find at all
  local object
  for object in "$work/root/usr/sbin/asterisk" \
      $(sed -n "s#^load = #$modules/#p" "$here/config/modules.conf"); do
    "$loader" --inhibit-cache --library-path "$libraries" --list "$object" 2>&1 || true
  done | awk -v root="$work/root/" '
    /cannot open/ || / not found/ || (/=>/ && index($3, root) != 1 && $1 !~ /vdso/)' | sort -u
}

if [ -n "$LAB_FULL" ]; then everything; else closure | grep -xE "$needed"; fi | unpack
loader=$(ls "$work"/root/usr/lib*/ld-linux*.so.* | head -1)
modules=$(ls -d "$work"/root/usr/lib/*/asterisk/modules)
libraries=${modules%/asterisk/modules}
if [ -n "$(missing_libraries)" ]; then
  echo "asterisk-lab: the list of packages in fetch.sh is out of date, so all are taken; missing were:" >&2
  missing_libraries >&2
  everything | grep -vxE "$needed" | unpack
  [ -z "$(missing_libraries)" ] || { missing_libraries >&2; fail "these libraries are still missing"; }
fi
rm -rf "$work"/root/usr/share/{doc,man,locale,lintian,bash-completion}

# The unpacked Asterisk runs with its own loader and C library, whatever this machine has
cat > "$work/root/asterisk" <<START
#!/bin/sh
root=\$(CDPATH= cd -- "\$(dirname -- "\$0")" && pwd)
exec "\$root/${loader#"$work"/root/}" --library-path "\$root/${libraries#"$work"/root/}" "\$root/usr/sbin/asterisk" "\$@"
START
chmod +x "$work/root/asterisk"
rm -rf "$LAB_ROOT" "$LAB_ROOT.new"
cp -a "$work/root" "$LAB_ROOT.new"         # the cache may be another file system: copy, then rename
mv "$LAB_ROOT.new" "$LAB_ROOT"
echo "asterisk-lab: $("$LAB_ROOT/asterisk" -V) unpacked to $LAB_ROOT" >&2
