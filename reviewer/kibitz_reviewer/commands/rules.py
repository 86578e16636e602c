"""List the reviewer's rules, or explain one.

kibitz rules                    every rule with its severity and summary
kibitz rules mutable-default    what it finds, why, and its examples
kibitz rules --format json      id, name, category, severity, confidence, cwe and aliases of each
"""

from __future__ import annotations

import argparse
import sys

USAGE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `kibitz rules`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "id", metavar="ID", nargs="?", help="a rule's id, or a published detector id it covers"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def run(args: argparse.Namespace) -> int:
    """Print what ``args`` ask for."""
    from kibitz_reviewer import docs
    from kibitz_reviewer.rule import all_rules, rule_named

    if args.id is None:
        sys.stdout.write(docs.as_json(all_rules()) if args.format == "json" else docs.listing(all_rules()))
        return 0
    rule = rule_named(args.id)
    if rule is None:
        hint = docs.closest(args.id)
        print(f"kibitz rules: no rule {args.id!r}{hint}; `kibitz rules` lists them", file=sys.stderr)
        return USAGE
    sys.stdout.write(docs.as_json([rule], single=True) if args.format == "json" else docs.explanation(rule))
    return 0
