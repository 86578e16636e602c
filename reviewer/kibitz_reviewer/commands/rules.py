"""List the reviewer's rules, explain one, or write rules of one's own.

kibitz rules                    every rule with its severity and summary
kibitz rules mutable-default    what it finds, why, and its examples
kibitz rules --format json      id, name, category, severity, confidence, cwe and aliases of each
kibitz rules new call-of-sleep  write a rule to start from, in .kibitz/rules
kibitz rules test [FOLDER]      whether the rules there find in their examples what is marked, and nothing else

The steps are in ADDING_RULES.md. `kibitz review --rules` runs such rules.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

DIFFERS, USAGE = 1, 2
NEW, TEST = "new", "test"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `kibitz rules`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "id",
        metavar="ID",
        nargs="?",
        help="a rule's id, or a published detector id it covers; or new, or test",
    )
    parser.add_argument(
        "what", metavar="NAME|FOLDER", nargs="?", help="of the new rule, or of the rules to test"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument(
        "--folder",
        metavar="FOLDER",
        type=Path,
        help="where `new` writes (default: rule_folder, or .kibitz/rules)",
    )


def run(args: argparse.Namespace) -> int:
    """Print what ``args`` ask for."""
    if args.id == NEW:
        return _new(args)
    if args.id == TEST:
        return _test(args)
    if args.what is not None or args.folder is not None:
        return _refuse("a NAME goes with `new`, a FOLDER with `new` and `test`")
    return _tell(args)


def _tell(args: argparse.Namespace) -> int:
    from kibitz_reviewer import docs
    from kibitz_reviewer.rule import all_rules, rule_named

    if args.id is None:
        sys.stdout.write(docs.as_json(all_rules()) if args.format == "json" else docs.listing(all_rules()))
        return 0
    rule = rule_named(args.id)
    if rule is None:
        return _refuse(f"no rule {args.id!r}{docs.closest(args.id)}; `kibitz rules` lists them")
    sys.stdout.write(docs.as_json([rule], single=True) if args.format == "json" else docs.explanation(rule))
    return 0


def _new(args: argparse.Namespace) -> int:
    """Write the file of a rule to start from; one that is there stays as it is."""
    from kibitz_reviewer.custom import CustomRuleError
    from kibitz_reviewer.new_rule import write

    if args.what is None:
        return _refuse("say what it is called: `kibitz rules new call-of-sleep`")
    try:
        place = write(args.what, args.folder or _folder())
    except (CustomRuleError, OSError) as error:
        return _refuse(str(error))
    print(f"{place.as_posix()} written; `kibitz rules test` says whether it finds what it should")
    return 0


def _test(args: argparse.Namespace) -> int:
    from kibitz_reviewer.custom import CustomRuleError, load, sources_on_disk
    from kibitz_reviewer.proof import differences

    try:
        rules = load(sources_on_disk(Path(args.what) if args.what else args.folder or _folder()))
    except CustomRuleError as error:
        return _refuse(str(error))
    wrong = 0
    for rule in rules:
        found = differences(rule)
        wrong += bool(found)
        print(f"{rule.id}: {'differs' if found else 'as it says'}")
        for difference in found:
            print(f"  {difference}")
    print(
        f"{len(rules)} {'rule' if len(rules) == 1 else 'rules'}, {wrong} not as {'it says' if len(rules) == 1 else 'they say'}"
    )
    return DIFFERS if wrong else 0


def _folder() -> Path:
    """The folder the configuration names, as seen from here where that is shorter."""
    from kibitz_reviewer.config import for_review

    configuration = for_review(None, Path.cwd())
    folder = configuration.root / configuration.top.rule_folder
    here = Path.cwd().resolve()
    return folder.resolve().relative_to(here) if folder.resolve().is_relative_to(here) else folder


def _refuse(message: str) -> int:
    print(f"kibitz rules: {message}", file=sys.stderr)
    return USAGE
