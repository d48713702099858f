#!/bin/bash
# The lab without a container:  run-local.sh start | stop | restart | status | cli COMMAND...
# Several run side by side: give each its own LAB_RUN and ports (bin/start-asterisk.sh lists them).
# With LAB_OWNER, a process id, the lab ends when that process does, however it ends.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
: "${LAB_ROOT:=${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/asterisk-lab/root}"
: "${LAB_RUN:=/tmp/asterisk-lab}"
export LAB_ROOT LAB_RUN
pid_file=$LAB_RUN/lab.pid
console=$LAB_RUN/console.log

fail() { echo "asterisk-lab: $*" >&2; exit 1; }

runs() { # the process of the pid file is an Asterisk on our configuration (and no later namesake)
  [ -s "$pid_file" ] && grep -qz "$LAB_RUN/etc/asterisk.conf" "/proc/$(cat "$pid_file")/cmdline" 2> /dev/null
}
# Asterisk goes on without a transport that could not bind; for a test that is no lab
port_taken() { grep -E 'Address already in use|Unable to bind|could not be started' "$console"; }

report() { # where everything is, one setting a line
  sed 's/^/  /' "$LAB_RUN/settings"
}
watch_owner() {
  while runs && [ -d "/proc/$LAB_OWNER" ]; do sleep 1; done
  if runs; then kill "$(cat "$pid_file")"; fi
}
start() {
  runs && { echo "asterisk-lab runs already, pid $(cat "$pid_file")"; report; return; }
  for program in openssl perl; do
    command -v "$program" > /dev/null || fail "$program is needed: install the package $program"
  done
  "$here/fetch.sh"
  mkdir -p "$LAB_RUN"
  : > "$console"
  LAB_ASTERISK=$LAB_ROOT/asterisk LAB_MODULES=$(echo "$LAB_ROOT"/usr/lib/*/asterisk/modules) \
    LAB_DATA=$LAB_ROOT/usr/share/asterisk \
    setsid "$here/bin/start-asterisk.sh" -n > "$console" 2>&1 < /dev/null &
  local pid=$!
  echo "$pid" > "$pid_file"
  local problem='Asterisk was not ready within 10 s'
  for _ in $(seq 100); do
    if grep -q 'Asterisk Ready' "$console"; then
      port_taken >&2 && { stop; fail "a port is taken: choose others (LAB_SIP_PORT and so on)"; }
      if [ -n "${LAB_OWNER:-}" ]; then watch_owner > /dev/null 2>&1 < /dev/null & fi
      echo "asterisk-lab is up, pid $pid, log $LAB_RUN/log/full"
      report
      return
    fi
    [ -d "/proc/$pid" ] || { problem='Asterisk ended before it was ready'; break; }
    sleep 0.1
  done
  cat "$console" >&2
  kill "$pid" 2> /dev/null || true
  rm -f "$pid_file"
  fail "$problem"
}
stop() {
  runs || { echo "asterisk-lab does not run"; return; }
  local pid
  pid=$(cat "$pid_file")
  kill "$pid"
  for _ in $(seq 50); do [ -d "/proc/$pid" ] || break; sleep 0.1; done
  if [ -d "/proc/$pid" ]; then kill -9 "$pid"; fi
  rm -f "$pid_file"
}
case "${1:-}" in
  start) start ;;
  stop) stop ;;
  restart) stop; start ;;
  status) runs || { echo "asterisk-lab does not run"; exit 1; }; echo "pid $(cat "$pid_file")"; report ;;
  cli) shift; exec "$LAB_ROOT/asterisk" -C "$LAB_RUN/etc/asterisk.conf" -rx "$*" ;;
  *) sed -n 2,4p "$0" >&2; exit 2 ;;
esac
