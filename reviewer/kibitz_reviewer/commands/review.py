"""Review Python source: files, folders, or just the lines a change touches.

Reads the source without ever running it; only --rules runs anything of yours, the rules it names.
Without PATH, --diff or --patch it reviews the current folder.

  kibitz review src                       every Python file beneath src
  kibitz review --diff main               what this branch and the files on disk changed since main
  kibitz review --diff v1.0..v1.1         what one commit changed against another
  git diff | kibitz review --patch -      what a unified diff changed (applied to the files here)
  kibitz review --watch src               everything, then again what changes, until Ctrl-C
  kibitz review src --rules               with the rules of one's own in .kibitz/rules too (see ADDING_RULES.md)

With --diff a new file counts once git knows it (`git add`). A comment `# kibitz: ignore[RULE] reason` on a line
answers a finding there; `kibitz rules RULE` explains a rule.
Exit status: 0 if nothing is at or above --fail-on, 1 if something is, 2 if the review could not be done as asked
(no such file, not a repository, a broken patch, a file named or changed that does not parse, a forge that refused).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kibitz_reviewer.config import Config, Configuration
    from kibitz_reviewer.runner import Review, Target
    from kibitz_reviewer.targets import Selection

FOUND, USAGE = 1, 2
NEVER = "never"
FORMATS = ("text", "json", "sarif", "gitlab", "junit", "github", "aws")
SEVERITIES = ("info", "low", "medium", "high", "critical", NEVER)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `kibitz review`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", type=Path, help="files or folders (default: this folder)"
    )
    change = parser.add_mutually_exclusive_group()
    change.add_argument(
        "--diff",
        metavar="BASE[..HEAD]",
        help="only lines changed since BASE: on disk, or in the commit HEAD; counted from where they parted",
    )
    change.add_argument(
        "--patch", metavar="FILE", help="only lines a unified diff added to the files here (-: stdin)"
    )
    parser.add_argument(
        "--format",
        metavar="FORMAT",
        choices=FORMATS,
        default="text",
        help=f"{', '.join(FORMATS)} (default: text)",
    )
    parser.add_argument(
        "--output", metavar="FILE", type=Path, help="write the report to FILE instead of stdout"
    )
    parser.add_argument(
        "--fail-on",
        metavar="SEVERITY",
        type=str.lower,
        choices=SEVERITIES,
        help=f"exit with 1 if a finding is at least this severe: {', '.join(SEVERITIES)} "
        "(default: the configuration's, or high; never with --post)",
    )
    parser.add_argument(
        "--baseline", metavar="FILE", type=Path, help="leave out the findings that FILE knows already"
    )
    parser.add_argument(
        "--write-baseline", metavar="FILE", type=Path, help="write what is found to FILE, for --baseline"
    )
    parser.add_argument(
        "--min-severity",
        type=str.lower,
        choices=SEVERITIES[:-1],
        default="info",
        help="leave out what is less severe (default: info)",
    )
    parser.add_argument(
        "--min-confidence",
        type=str.lower,
        choices=("low", "medium", "high"),
        default="low",
        help="leave out what the rules are less sure of (default: low)",
    )
    parser.add_argument(
        "--cache", metavar="FOLDER", type=Path, help="remember there what unchanged files gave the last time"
    )
    parser.add_argument(
        "--no-dataflow",
        dest="dataflow",
        action="store_false",
        help="follow no values from outside: quicker, and without the rules that need it",
    )
    parser.add_argument(
        "--rules",
        metavar="FOLDER",
        nargs="?",
        const="",
        help="run the rules of this folder too (default: the configuration's rule_folder, or .kibitz/rules); "
        "with --diff they are read from the base commit",
    )
    parser.add_argument(
        "--watch", action="store_true", help="go on, reviewing what changes, until Ctrl-C (text only)"
    )
    parser.add_argument(
        "--fix", action="store_true", help="first make the fixes that keep behaviour, in the files"
    )
    parser.add_argument(
        "--post",
        metavar="FORGE",
        help="also put new findings on the pull request: github, gitlab, bitbucket, codecommit, or auto (what CI runs for)",
    )
    parser.add_argument(
        "--heat",
        metavar="URL|FILE",
        default=os.environ.get("KIBITZ_HEAT", ""),
        help="say how hot the code of each finding is, and put hot ones first: a collector's address "
        "(https://HOST/groups/NAME, or all groups), or a profile as collapsed stacks or pprof",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="with --post: print the requests as JSON instead of sending them",
    )


def run(args: argparse.Namespace) -> int:
    """Review what ``args`` ask for, publish, and return the exit status."""
    from kibitz_reviewer.config import for_review

    if args.dry_run and not args.post:
        return _refuse("--dry-run shows what --post FORGE would send: say which forge")
    if args.watch:
        return _watch(args)
    try:
        selection = _select(args)
        configuration = for_review(args.diff, Path.cwd())
        _use_rules(args, configuration, selection)
        selection.others = [other for other in selection.others if not configuration.excludes(other.path)]
        result = _review(args, selection)
        result.findings = configuration.kept(result.findings)
        # Who reads the findings on the pull request has not asked to be stopped by them.
        args.fail_on = args.fail_on or configuration.top.fail_on or (NEVER if args.post else "high")
        _leave_out(args, result)
        _warm(args, selection, result)
    except _refusals() as error:
        return _refuse(str(error))
    try:
        if not args.dry_run or args.output is not None:
            _write(args, result)
    except OSError as error:
        return _refuse(f"--output {args.output}: {error.strerror or error}")
    if args.post and not _post(args, selection, configuration.top, result):
        return USAGE
    asked = {target.path for target in selection.targets if target.asked}
    if any(problem.broken and problem.path in asked for problem in result.problems):
        return USAGE
    return _status(args.fail_on, result)


def _refusals() -> tuple[type[Exception], ...]:
    """What makes a review impossible as it was asked for."""
    from kibitz_reviewer.baseline import BaselineError
    from kibitz_reviewer.config import ConfigError
    from kibitz_reviewer.custom import CustomRuleError
    from kibitz_reviewer.diff import DiffError
    from kibitz_reviewer.heat import HeatFileError
    from kibitz_reviewer.targets import SelectionError

    return BaselineError, ConfigError, CustomRuleError, DiffError, HeatFileError, SelectionError


def _use_rules(args: argparse.Namespace, configuration: Configuration, selection: Selection) -> None:
    """Let the repository's own rules count, if the command line asks for them; raises ``CustomRuleError``."""
    from kibitz_reviewer import custom

    if args.rules is None:
        custom.use(())
        return
    folder = Path(args.rules) if args.rules else configuration.root / configuration.top.rule_folder
    inside = folder.resolve()
    if args.patch is not None and any(t.place.resolve().is_relative_to(inside) for t in selection.targets):
        raise custom.CustomRuleError(
            f"{folder}: the patch changes rules, which are not run before they are read"
        )
    custom.use(custom.sources_for(folder, args.diff))


def _watch(args: argparse.Namespace) -> int:
    """Review, and again what changes; Ctrl-C is the way to end it, and no error."""
    from kibitz_reviewer.watch import watch

    others = {
        "--diff": args.diff,
        "--patch": args.patch,
        "--post": args.post,
        "--output": args.output,
        "--write-baseline": args.write_baseline,
        "--fix": args.fix,
    }
    given = [flag for flag, value in others.items() if value]
    if given or args.format != "text":
        return _refuse(
            f"--watch goes with paths and --format text, not with {given[0] if given else args.format}"
        )
    try:
        _select(args)
        watch(lambda: _selected(args), lambda targets: _look(args, targets))
    except KeyboardInterrupt:
        print("kibitz review: no longer watching", file=sys.stderr)
        return 0
    except _refusals() as error:
        return _refuse(str(error))


def _selected(args: argparse.Namespace) -> list[Target]:
    """The files to watch; none while a path that was named is away, as it is for a moment when it is written anew."""
    from kibitz_reviewer.targets import SelectionError

    try:
        return _select(args).targets
    except SelectionError:
        return []


def _look(args: argparse.Namespace, targets: list[Target]) -> None:
    """Review ``targets`` and print what is found."""
    from kibitz_reviewer.config import for_review
    from kibitz_reviewer.runner import forget
    from kibitz_reviewer.targets import Selection

    forget()
    selection = Selection(targets=targets)
    configuration = for_review(None, Path.cwd())
    _use_rules(args, configuration, selection)
    result = _review(args, selection)
    result.findings = configuration.kept(result.findings)
    _leave_out(args, result)
    print(f"\n{time.strftime('%H:%M:%S')}")
    _write(args, result)
    sys.stdout.flush()


def _select(args: argparse.Namespace) -> Selection:
    from kibitz_reviewer import targets

    here = Path.cwd()
    if args.fix and args.diff is not None and ".." in args.diff:
        raise targets.SelectionError("--fix changes files on disk: use --diff BASE, without ..HEAD")
    if args.diff is not None:
        return targets.of_diff(args.diff, args.paths, here)
    if args.patch is not None:
        return targets.of_patch(args.patch, args.paths, here)
    return targets.of_paths(args.paths or [Path()], here)


def _review(args: argparse.Namespace, selection: Selection) -> Review:
    """Fix if asked to, then review what is there."""
    from dataclasses import replace

    from kibitz_reviewer.runner import PYLINT_UP_TO_FILES, review

    is_change = args.diff is not None or args.patch is not None
    targets = selection.targets
    if args.fix:
        targets = _fix(selection)
    # In a long list of findings nobody reads what could be done about each, and working that out takes its time.
    fixes = is_change or bool(args.post) or args.format != "text" or len(targets) <= PYLINT_UP_TO_FILES
    if not (fixes and args.dataflow):
        targets = [replace(target, fixes=fixes, dataflow=args.dataflow) for target in targets]
    few = len(targets) <= PYLINT_UP_TO_FILES
    result = review(targets, with_pylint=is_change or few, cache=args.cache, others=selection.others)
    result.problems = [*selection.problems, *result.problems]
    return result


def _leave_out(args: argparse.Namespace, result: Review) -> None:
    """Drop what is too uncertain, or known from before; raises ``BaselineError``."""
    from kibitz_reviewer import baseline
    from kibitz_reviewer.finding import Confidence, Severity

    sure, severe = Confidence[args.min_confidence.upper()], Severity.named(args.min_severity)
    result.findings = [f for f in result.findings if f.confidence >= sure and f.severity >= severe]
    if args.write_baseline is not None:
        try:
            count = baseline.save(args.write_baseline, result.findings)
        except OSError as error:
            raise baseline.BaselineError(f"{args.write_baseline}: {error.strerror or error}") from None
        print(f"kibitz review: {count} findings written to {args.write_baseline}", file=sys.stderr)
    if args.baseline is not None:
        result.findings = baseline.new(result.findings, baseline.load(args.baseline))


def _warm(args: argparse.Namespace, selection: Selection, result: Review) -> None:
    """Say of each finding how hot its code is; a collector that does not answer is a pity, not a failure."""
    from kibitz_reviewer import heat
    from kibitz_reviewer.diff import split_range
    from kibitz_reviewer.heat.texts import texts_of

    if not args.heat or not result.findings:
        return
    try:
        profiles = heat.load(args.heat, os.environ)
    except heat.HeatFileError:
        raise
    except heat.HeatError as error:
        print(f"kibitz review: --heat: {error}; going on without", file=sys.stderr)
        return
    base = split_range(args.diff)[0] if args.diff is not None else ""
    paths = {finding.path for finding in result.findings}
    texts = texts_of(selection.targets, paths, Path.cwd(), base)
    result.findings = heat.heated(result.findings, profiles, texts)


def _fix(selection: Selection) -> list[Target]:
    from dataclasses import replace

    from kibitz_reviewer.rewrite import rewrite_file
    from kibitz_reviewer.runner import Problem
    from kibitz_reviewer.sources import UnreadableError

    fixed, targets = 0, []
    for target in selection.targets:
        try:
            done, changed = rewrite_file(target)
        except UnreadableError as error:
            # The review itself reports what cannot be read; only what cannot be written is news.
            if not error.broken and "not written" in str(error):
                selection.problems.append(Problem(target.path, str(error)))
            done, changed = 0, target.changed
        fixed += done
        targets.append(replace(target, changed=changed))
    print(f"kibitz review: {fixed} fixed", file=sys.stderr)
    return targets


def _write(args: argparse.Namespace, result: Review) -> None:
    from kibitz_reviewer.publish import publisher, text

    report = publisher(args.format).render(result)
    if args.output is None:
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(report.encode(encoding, "backslashreplace").decode(encoding))
        return
    args.output.write_text(report, encoding="utf-8", errors="backslashreplace")
    print(f"{text.summary(result)} Written to {args.output}.", file=sys.stderr)


def _post(args: argparse.Namespace, selection: Selection, config: Config, result: Review) -> bool:
    from kibitz_reviewer.finding import Severity
    from kibitz_reviewer.forges import ForgeError
    from kibitz_reviewer.posting import manner_of, post

    try:
        fail_at = None if args.fail_on == NEVER else Severity.named(args.fail_on)
        manner = manner_of(config, result, fail_at=fail_at, dry_run=args.dry_run)
        said = post(args.post, selection.targets, result, os.environ, manner)
    except ForgeError as error:
        print(f"kibitz review: --post {args.post}: {error}", file=sys.stderr)
        return False
    print(f"kibitz review: {said}", file=sys.stderr)
    return True


def _status(fail_on: str, result: Review) -> int:
    from kibitz_reviewer.finding import Severity

    if fail_on == NEVER:
        return 0
    limit = Severity.named(fail_on)
    return FOUND if any(finding.severity >= limit for finding in result.findings) else 0


def _refuse(message: str) -> int:
    print(f"kibitz review: {message}", file=sys.stderr)
    return USAGE
