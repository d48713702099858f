"""The pages of the documentation, and `making`, which writes those parts that code knows better."""
