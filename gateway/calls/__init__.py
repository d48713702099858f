"""The calls: each two legs that meet, from the browser's first message to the last record."""
