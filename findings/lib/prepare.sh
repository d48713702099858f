# shellcheck shell=sh
# Sourced by each finding: a temporary folder, pinned public packages in it, and its removal.
#
#   prepare PACKAGE==VERSION...   makes the folder $work with a virtual environment of these, by
#                                 $PYTHON if that is set
#   run SECONDS < PROGRAM         runs a Python program in it, from standard input, and ends
#   need COMMAND PACKAGE VERSION  puts a program of Debian's on PATH: the installed one, or the
#                                 package unpacked into $work; it has to be of this version
#
# A finding exits 0 while the behavior is as described, 1 when it has changed, and 2 when it cannot
# be tried on this machine.

lib=$(CDPATH='' cd -- "$(dirname -- "$0")/lib" && pwd)
work=

cannot() {
    echo "cannot be tried here: $1" >&2
    exit 2
}

# shellcheck disable=SC2120  # it may well have none
prepare() {
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 2' HUP INT TERM
    "${PYTHON:-python3}" -m venv "$work/venv" || cannot "python3 makes no virtual environment"
    if [ $# -gt 0 ]; then
        "$work/venv/bin/pip" --quiet --disable-pip-version-check install --only-binary :all: "$@" \
            2>"$work/pip.log" || { cat "$work/pip.log" >&2; cannot "pip did not install $*"; }
    fi
}

run() {
    status=0
    (cd "$work" && PYTHONPATH="$lib" PYTHONDONTWRITEBYTECODE=1 WORK="$work" \
        timeout --kill-after=5 "$1" "$work/venv/bin/python" -) || status=$?
    case $status in
        0 | 1 | 2) exit "$status" ;;
        *) echo "the behavior has changed: no end within $1 s (status $status)" >&2; exit 1 ;;
    esac
}

need() {
    if ! command -v "$1" >/dev/null; then
        (cd "$work" && apt-get download "$2" && dpkg-deb -x ./*.deb root) >/dev/null 2>&1 ||
            cannot "there is no $1, and Debian's package $2 was not to be had"
        PATH="$work/root/usr/bin:$PATH"
    fi
    if ldd "$(command -v "$1")" 2>/dev/null | grep -q 'not found'; then
        cannot "libraries of $1 are missing: apt-get install $2"
    fi
    # Asked so, sipp exits with a status of its own
    case $({ "$1" --version || "$1" -v; } 2>&1) in
        *"$3"*) ;;
        *) cannot "it is about $1 $3, and the one that is here has another version" ;;
    esac
}
