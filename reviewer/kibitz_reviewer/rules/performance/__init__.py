"""Rules about what costs more than it must."""
