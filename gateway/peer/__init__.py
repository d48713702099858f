"""The SIP peer of `gateway demo`: a few telephone numbers to try, in a process of its own."""
