#!/usr/bin/perl
# Writes the lab's few sounds as raw signed 16-bit little-endian (Asterisk's .sln formats), so that
# no sound package is needed. Plain perl-base: it runs in a slim container too.
use strict;
use warnings;

my ($directory) = @ARGV or die "usage: make-sounds.pl DIRECTORY\n";
my $tau = 8 * atan2(1, 1);

sub write_samples {
    my ($path, @samples) = @_;
    open my $file, '>:raw', $path or die "$path: $!\n";
    print $file pack('s<*', map { int } @samples);
    close $file or die "$path: $!\n";
}

# Music on hold, 8 kHz: four notes of half a second, the phase running on so that nothing clicks
my (@tune, $phase);
$phase = 0;
for my $frequency (523, 659, 784, 659) {
    for (1 .. 4000) {
        $phase += $tau * $frequency / 8000;
        push @tune, 6000 * sin $phase;
    }
}
mkdir "$directory/moh";
write_samples("$directory/moh/tune.sln", @tune);

# A sweep, 48 kHz: 100 Hz to 7 kHz within 3 s, each octave taking the same time, then half a second of silence
my (@sweep, $length);
($phase, $length) = (0, 3 * 48000);
for my $i (0 .. $length - 1) {
    $phase += $tau * 100 * exp(log(70) * $i / $length) / 48000;
    push @sweep, 8000 * sin $phase;
}
mkdir "$directory/sounds";
write_samples("$directory/sounds/sweep.sln48", @sweep, (0) x 24000);
