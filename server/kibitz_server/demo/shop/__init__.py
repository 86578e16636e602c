"""A small web shop, written the way shops are written in a hurry: it works, and it wastes."""
