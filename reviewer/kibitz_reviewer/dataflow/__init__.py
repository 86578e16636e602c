"""Data flow: where values that an outsider controls enter, how they travel, and where they do harm."""
