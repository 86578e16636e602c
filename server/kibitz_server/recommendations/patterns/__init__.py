"""The catalogue: a pattern a file, each with its own proof."""
