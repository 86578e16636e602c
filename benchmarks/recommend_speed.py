"""How long does it take to hold a large profile against the whole catalogue? One JSON line per figure."""

from __future__ import annotations

import json
import time

import numpy as np

from kibitz_agent.profile import NO_PARENT, Profile, ProfileBuilder
from kibitz_server.recommendations import calls_of_profile, calls_of_stacks, catalogue, recommend

FUNCTIONS, NODES, ROUNDS = 10_000, 100_000, 5


def large_profile() -> Profile:
    """A call tree of `NODES` places of `FUNCTIONS` functions, a sample at each."""
    random = np.random.default_rng(1)
    builder = ProfileBuilder()
    frames = [builder.frame(f"pkg{i % 300}.mod{i % 50}:C{i % 20}.f{i}") for i in range(FUNCTIONS)]
    nodes = [NO_PARENT]
    for line in range(NODES):
        above = nodes[int(random.integers(max(0, len(nodes) - 5000), len(nodes)))]
        nodes.append(builder.node(above, frames[int(random.integers(FUNCTIONS))], line))
    for node in nodes[1:]:
        builder.add(node, (1, 10**7, 10**7))
    return builder.build()


def main() -> None:
    """Print the best of some rounds."""
    profile, patterns = large_profile(), catalogue()
    recommend(calls_of_stacks({"a:b": 1}), patterns)
    reading, matching = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        calls = calls_of_profile(profile)
        read = time.perf_counter()
        recommend(calls, patterns)
        reading.append(read - began)
        matching.append(time.perf_counter() - read)
    about = {"nodes": NODES, "functions": FUNCTIONS, "patterns": len(patterns)}
    print(json.dumps({"figure": "reading_s", "value": round(min(reading), 4), **about}))
    print(json.dumps({"figure": "matching_s", "value": round(min(matching), 4), **about}))


if __name__ == "__main__":
    main()
