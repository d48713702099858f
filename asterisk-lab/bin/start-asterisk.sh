#!/bin/sh
# Renders config/ into $LAB_RUN/etc and becomes Asterisk in the foreground. One script for both ways
# to run the lab: the container calls it as it is, run-local.sh names the unpacked Asterisk.
set -eu
lab=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)

fail() { echo "asterisk-lab: $*" >&2; exit 1; }

# What a user may set
: "${LAB_RUN:=/tmp/asterisk-lab}"                     # state: configuration, log, recordings, socket
: "${LAB_IP:=127.0.0.1}"                              # address of everything
: "${LAB_SIP_PORT:=15060}" "${LAB_TLS_PORT:=15061}"   # SIP: udp and tcp; tls
: "${LAB_HTTP_PORT:=18088}" "${LAB_HTTPS_PORT:=18089}"  # ARI and SIP over WebSocket
: "${LAB_AMI_PORT:=15038}"                            # manager interface
: "${LAB_RTP_START:=21000}" "${LAB_RTP_END:=21999}"
: "${LAB_IPTRUNK_MATCH:=127.0.0.2}"                   # who comes from here needs no password
: "${LAB_SECRET:=lab-secret}"                         # every password of the lab
: "${LAB_GATEWAY_HOST:=127.0.0.1}"                    # where the gateway under test listens
: "${LAB_GATEWAY_PORT:=5060}" "${LAB_GATEWAY_TLS_PORT:=5061}"
: "${LAB_GATEWAY_QUALIFY:=0}"                         # seconds between OPTIONS to it, 0 for none
settings="LAB_RUN LAB_IP LAB_SIP_PORT LAB_TLS_PORT LAB_HTTP_PORT LAB_HTTPS_PORT LAB_AMI_PORT
  LAB_RTP_START LAB_RTP_END LAB_IPTRUNK_MATCH LAB_SECRET LAB_GATEWAY_HOST LAB_GATEWAY_PORT
  LAB_GATEWAY_TLS_PORT LAB_GATEWAY_QUALIFY"

# Where Asterisk is
: "${LAB_ASTERISK:=/usr/sbin/asterisk}" "${LAB_DATA:=/usr/share/asterisk}"
: "${LAB_MODULES:=$(ls -d /usr/lib/*/asterisk/modules 2> /dev/null || true)}"
[ -d "$LAB_MODULES" ] || fail "no Asterisk modules in '$LAB_MODULES'"

# The path of a Unix socket holds 107 characters, and ours ends in /run/asterisk.ctl
[ "${#LAB_RUN}" -le 90 ] || fail "LAB_RUN is ${#LAB_RUN} characters long, at most 90 are possible: $LAB_RUN"

for directory in etc varlib spool/outgoing spool/tmp spool/recording spool/monitor \
    run log sbin cache agi-bin rec tls moh sounds; do
  mkdir -p "$LAB_RUN/$directory"
done
rm -f "$LAB_RUN/log/full"                             # each start has a log of its own
render= report=
for name in $settings LAB_DATA LAB_MODULES; do
  eval "value=\$$name"
  case $value in
    *[!A-Za-z0-9._:/@+-]*) fail "$name has a character that a configuration file cannot take: $value" ;;
  esac
  render="$render;s|@$name@|$value|g"
done
for name in $settings; do
  [ "$name" = LAB_SECRET ] && continue
  eval "report=\"\$report\$name=\$$name
\""
done
printf %s "$report" > "$LAB_RUN/settings"
for file in "$lab"/config/*.conf; do sed "${render#;}" "$file" > "$LAB_RUN/etc/${file##*/}"; done
grep -q . /proc/net/if_inet6 2> /dev/null || rm "$LAB_RUN/etc/pjsip_ipv6.conf"

if [ ! -s "$LAB_RUN/tls/lab.crt" ]; then              # an authority of the lab's own, and one certificate
  ( cd "$LAB_RUN/tls"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
      -subj "/CN=asterisk-lab CA" -keyout ca.key -out ca.crt
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
      -subj "/CN=asterisk-lab" -keyout lab.key -out lab.csr
    printf 'subjectAltName=DNS:localhost,DNS:asterisk-lab,IP:::1,IP:%s\n' "$LAB_IP" > names
    openssl x509 -req -in lab.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 \
      -extfile names -out lab.crt
  ) 2> "$LAB_RUN/tls/log" || { cat "$LAB_RUN/tls/log" >&2; fail "openssl could not make the certificate"; }
fi
[ -s "$LAB_RUN/moh/tune.sln" ] || perl "$lab/bin/make-sounds.pl" "$LAB_RUN"
exec "$LAB_ASTERISK" -f -C "$LAB_RUN/etc/asterisk.conf" "$@"
