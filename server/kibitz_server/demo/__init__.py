"""The demo: a collector, a small web shop with known inefficiencies under the agent, load, and a review of a change.

Everything runs as a process of its own, as it would at a user's: `play` is the script of the piece.
"""
