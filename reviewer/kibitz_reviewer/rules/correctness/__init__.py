"""Rules about what does not do what it seems to."""
