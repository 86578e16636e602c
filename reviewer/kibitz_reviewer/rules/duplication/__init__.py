"""Rules about code that stands in several places."""
