"""The media core: streams, and the batches that serve all of them at once."""
