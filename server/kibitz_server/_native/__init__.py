"""What is done node by node, in C; optional: numpy does it where it was not built."""
