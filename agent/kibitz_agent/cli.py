"""The `kibitz` command: finds its subcommands through entry points and hands over.

Every part registers modules in the group ``kibitz.commands``. A module's docstring is its help (first line: the
summary), ``add_arguments(parser)`` declares its arguments, ``run(args)`` does the work and returns the exit status.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, cast

import kibitz_agent

GROUP = "kibitz.commands"
USAGE_ERROR = 2
INTERRUPTED = 130

_EXTRAS = {"demo": "all"}
_ORDER = ("demo", "run", "attach", "detach", "top", "serve", "review", "rules")


class Command(Protocol):
    """What a module in the group ``kibitz.commands`` offers."""

    __doc__: str | None

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments on ``parser``."""

    def run(self, args: argparse.Namespace) -> int:
        """Do the work; the return value is the exit status."""


def main(argv: Sequence[str] | None = None, found: Iterable[EntryPoint] | None = None) -> int:
    """Run one subcommand of ``argv`` (default: the process's own) and return its exit status."""
    commands = _by_name(entry_points(group=GROUP) if found is None else found)
    if found is None and not commands:
        sys.stderr.write("kibitz: no command is registered here: install the package (pip install kibitz)\n")
        return USAGE_ERROR
    arguments = list(sys.argv[1:] if argv is None else argv)
    chosen = next((argument for argument in arguments if not argument.startswith("-")), None)
    # Only the command that is asked for is imported; the full list is for `kibitz --help`.
    wanted = [commands[chosen]] if chosen in commands else list(commands.values())
    parser, broken = _parser(wanted)
    if chosen in broken:
        return _explain_missing(commands[chosen], broken[chosen])
    args = parser.parse_args(arguments)
    run = getattr(args, "run_command", None)
    if run is None:
        parser.print_help()
        return USAGE_ERROR
    try:
        return int(run(args))
    except ModuleNotFoundError as error:
        if chosen is None or (error.name or "").startswith("kibitz_") or _needs_no_extra(commands[chosen]):
            raise
        return _explain_missing(commands[chosen], error)
    except KeyboardInterrupt:
        return INTERRUPTED


def _by_name(found: Iterable[EntryPoint]) -> dict[str, EntryPoint]:
    def place(entry: EntryPoint) -> tuple[int, str]:
        return (_ORDER.index(entry.name) if entry.name in _ORDER else len(_ORDER), entry.name)

    return {entry.name: entry for entry in sorted(found, key=place)}


def _parser(entries: Iterable[EntryPoint]) -> tuple[argparse.ArgumentParser, dict[str, ImportError]]:
    parser = argparse.ArgumentParser(
        prog="kibitz",
        description="Watches Python programs run and reads their code, and says what it sees.",
        epilog="`kibitz COMMAND --help` tells more. Start with `kibitz demo`.",
    )
    parser.add_argument("--version", action="version", version=f"kibitz {kibitz_agent.__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    broken: dict[str, ImportError] = {}
    for entry in entries:
        try:
            command = cast(Command, entry.load())
        except ImportError as error:
            broken[entry.name] = error
            subparsers.add_parser(entry.name, help=_install_hint(entry))
            continue
        summary, _, description = (command.__doc__ or entry.name).strip().partition("\n")
        subparser = subparsers.add_parser(
            entry.name,
            help=summary.replace("%", "%%"),
            description=f"{summary}\n{description}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(subparser)
        subparser.set_defaults(run_command=command.run)
    return parser, broken


def _needs_no_extra(entry: EntryPoint) -> bool:
    # The agent's own commands have all they need: what is missing then is missing in the program that they run.
    return entry.module.startswith("kibitz_agent.")


def _install_hint(entry: EntryPoint) -> str:
    # A part's package is named after its extra: kibitz_server needs kibitz[server].
    extra = _EXTRAS.get(entry.name, entry.module.partition(".")[0].removeprefix("kibitz_"))
    return f"needs more than the agent: pip install 'kibitz[{extra}]'"


def _explain_missing(entry: EntryPoint, error: ImportError) -> int:
    sys.stderr.write(
        f"kibitz {entry.name}: {error.name or error} is not installed; it {_install_hint(entry)}\n"
    )
    return USAGE_ERROR


if __name__ == "__main__":
    sys.exit(main())
