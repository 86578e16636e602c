"""`kibitz review` without the dispatcher, which belongs to another part: python -m kibitz_reviewer.webhooks.review ARGUMENTS"""

from __future__ import annotations

import argparse
import sys

from kibitz_reviewer.commands import review


def main(arguments: list[str]) -> int:
    """The exit status of `kibitz review` with these arguments."""
    parser = argparse.ArgumentParser("kibitz review")
    review.add_arguments(parser)
    return review.run(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
