"""Samples the demo shop at work, as it is and then slower, and writes a profile for each slice of it.

python slices.py DIRECTORY USUAL SLOWER LOOKS
"""

import importlib
import sys
import threading
import time
from pathlib import Path

import kibitz_server.demo
from kibitz_agent import wire
from kibitz_agent.aggregator import Aggregator
from kibitz_agent.native import best_sampler
from kibitz_agent.profile import Header

SLOWER = '''
def rank(words):
    """Compares every product with every word, letter by letter."""
    score = 0
    for product in PRODUCTS:
        for word in words.split():
            for mine, theirs in zip(word, product["name"]):
                score += mine == theirs
    return score

'''


def sample(directory, name, slices, looks, done):
    sampler = best_sampler()
    folding = Aggregator(sampler)
    try:
        for at in range(slices):
            for _ in range(looks):
                time.sleep(0.001)
                folding.tick(1_000_000, 100)
            path = directory / f"{name}-{at:03}.kibitz"
            path.write_bytes(wire.encode(folding.cut().profile(Header(group="shop", revision=name))))
    finally:
        done.set()
        folding.close()
        sampler.close()


def main(directory, usual, slower, looks):
    sys.setswitchinterval(0.0005)  # the looks are taken when they are due
    sys.path.insert(0, str(Path(kibitz_server.demo.__file__).parent))
    shop = {name: importlib.import_module(f"shop.{name}") for name in ("basket", "catalogue", "search")}
    search = shop["search"]
    for name, slices in (("usual", usual), ("slower", slower)):
        if name == "slower":
            deploy(search)
        done = threading.Event()
        looker = threading.Thread(target=sample, args=(directory, name, slices, looks, done))
        looker.start()
        serve(shop, done)
        looker.join()


def deploy(search):
    source = Path(search.__file__).read_text()
    changed = source.replace("    wanted = ", "    rank(words)\n    wanted = ")
    assert changed != source
    exec(compile(changed + SLOWER, search.__file__, "exec"), search.__dict__)


def serve(shop, done):
    while not done.is_set():
        shop["search"].find("red squares heavy")
        shop["catalogue"].export()
        shop["basket"].often_bought_together("3")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(int(text) for text in sys.argv[2:]))
