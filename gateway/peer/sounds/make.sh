#!/bin/sh
# Speaks the clips of the embedded peer anew: NAME.ulaw, raw G.711 µ-law at 8 kHz, one channel.
# Needs espeak-ng and sox. The clips in this folder are its output, so that nobody else needs them.
set -eu
cd "$(dirname "$0")"

say() { # NAME TEXT
  espeak-ng -v en-us -s 150 -p 40 --stdout "$2" |
    sox -q -t wav - -t raw -r 8000 -c 1 -e mu-law "$1.ulaw" \
      highpass 200 norm -6 silence 1 0.01 0.5% reverse silence 1 0.01 0.5% reverse
}

n=0
for word in zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen \
  fifteen sixteen seventeen eighteen nineteen; do
  say "$n" "$word"
  n=$((n + 1))
done
say 20 twenty
say 30 thirty
say 40 forty
say 50 fifty
say hours "hours"
say minutes "minutes"
say and "and"
say seconds "seconds"
say at-the-tone "At the tone, the time will be"
say press-digits "Press some digits, then the hash key."
say welcome "Welcome. This call went through the gateway. Thank you for listening. Goodbye."
