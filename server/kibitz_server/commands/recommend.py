"""say what a profile's time is wasted on, and what to do about it; needs no collector

  kibitz recommend profile.pb.gz                 pprof, from `kibitz run --output` or any other tool
  kibitz recommend profile.kibitz                a profile in wire form
  kibitz recommend profile.json --format json    one that AWS's agents or the collector wrote
  kibitz recommend p.pb.gz --patterns mine.toml  with patterns of your own
  kibitz recommend --list                        all patterns there are

A pattern in a file is a table:

  [[pattern]]
  id = "old_client"
  description = "The old client asks twice."
  steps = ["Use shop.client2."]
  frames = [["shop.client:*", "...", "socket:*"]]   # caller first; * any text, "..." any frames
  threshold = 0.05                                  # speaks from this share on
  measure = "wall"                                  # or "cpu"

Exit status: 0 nothing to say, 1 recommendations, 2 it could not be done.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

NOTHING, FOUND, FAILED = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "profile", nargs="?", type=Path, help="a profile: .pb.gz .kibitz .json .txt (collapsed)"
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="how to write (default text)"
    )
    parser.add_argument(
        "--patterns", type=Path, action="append", default=[], metavar="FILE", help="more patterns (TOML)"
    )
    parser.add_argument("--list", action="store_true", help="list the patterns and end")


def run(args: argparse.Namespace) -> int:
    """0: nothing to say; 1: recommendations; 2: it could not be done."""
    from kibitz_server.ingest import IngestError
    from kibitz_server.recommendations import PatternError, calls_of_profile, catalogue, recommend, written
    from kibitz_server.recommendations.files import read_profile

    try:
        patterns = catalogue(args.patterns)
        if args.list:
            sys.stdout.write(written.listed(patterns, args.format))
            return NOTHING
        if args.profile is None:
            sys.stderr.write("kibitz recommend: expected a profile, such as profile.pb.gz\n")
            return FAILED
        found = recommend(calls_of_profile(read_profile(args.profile)), patterns)
    except (OSError, IngestError, PatternError) as error:
        sys.stderr.write(f"kibitz recommend: {error}\n")
        return FAILED
    sys.stdout.write(written.as_json(found) if args.format == "json" else written.as_text(found))
    return FOUND if found else NOTHING
