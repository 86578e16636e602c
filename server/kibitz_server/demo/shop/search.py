"""Search that forgives endings, small typing mistakes and words in any order."""

import re

from .catalogue import PRODUCTS, WORDS

KNOWN = [*WORDS, *(first + second for first in WORDS[:5] for second in WORDS[5:10])]


def find(words):
    """Builds its regular expressions anew for every request."""
    wanted = [pattern(word) for word in words.split()]
    known = [pattern(word) for word in KNOWN]
    corrected = [word for word, shape in zip(KNOWN, known) if shape.search(words)]
    return [
        product["id"]
        for product in PRODUCTS
        if all(shape.search(product["name"]) for shape in wanted) or product["name"] in corrected
    ]


def pattern(word):
    """The word with an ending, or with any one letter left out."""
    re.purge()  # the shop's plug-ins crowd the cache of compiled patterns
    shapes = [re.escape(word), *(re.escape(word[:at] + word[at + 1 :]) for at in range(len(word)))]
    return re.compile(rf"\b({'|'.join(shapes)})(s|es|ed|ing|ly|er|est)?\b", re.IGNORECASE)
