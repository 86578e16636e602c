"""From files to findings: reads, indexes, runs the rules that a file can concern, suppresses, fingerprints.

Files are independent, so many are spread over processes. Nothing that goes wrong with one file stops the others, and
nothing goes wrong silently: what could not be reviewed is in the result as a problem.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from kibitz_reviewer import custom, limits, manifest, pool
from kibitz_reviewer.cache import Cache, Known, digest
from kibitz_reviewer.dataflow.program import Workspace
from kibitz_reviewer.duplicates import comparison
from kibitz_reviewer.engines import notebook, pylint
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.parsing import UnparsableError
from kibitz_reviewer.finding import Finding, fingerprinted
from kibitz_reviewer.fixes import with_fixes
from kibitz_reviewer.outcome import Problem, Review, Target
from kibitz_reviewer.progress import Progress
from kibitz_reviewer.rule import Rule, all_rules, rule_named
from kibitz_reviewer.sources import NOTEBOOK, UnreadableError, is_manifest
from kibitz_reviewer.suppress import Suppressions, keep, suppressions, unused

__all__ = ["Problem", "Review", "Target", "review", "review_file", "review_source"]

POOL_FROM_FILES = 20
PYLINT_UP_TO_FILES = 20


def review(
    targets: Sequence[Target],
    *,
    with_pylint: bool = False,
    cache: Path | None = None,
    others: Sequence[Target] = (),
) -> Review:
    """Review ``targets``; ``with_pylint`` also asks pylint about them, where they are few or changed.

    ``cache`` is a folder in which what was found is kept, and looked up the next time. ``others`` are the files around a
    change: nothing is said about them, but that the change repeats what they say.
    """
    result = Review()
    store = Cache(cache.absolute()) if cache is not None else None
    work = functools.partial(review_file, cache=store)
    progress = Progress(len(targets))
    for part in _parts(targets, work):
        result.add(part)
        progress.step(part.files + len(part.problems))
    progress.done()
    comparison.compare(targets, others, result)
    if with_pylint:
        _ask_pylint(targets, result)
    result.findings.sort(key=lambda finding: finding.order)
    result.problems.sort(key=lambda problem: (problem.path, problem.line))
    return result


def review_file(target: Target, cache: Cache | None = None) -> Review:
    """Review one file with our own rules; with a ``cache``, only if it or what it imports has changed."""
    try:
        with limits.time_limit():
            return _review_file(target, cache)
    except UnreadableError as error:
        return Review(problems=[Problem(target.path, str(error), broken=error.broken)])
    except limits.TimeIsUpError:
        reason = f"took longer than {limits.SECONDS_PER_FILE:.0f} s; left out"
    except MemoryError:
        reason = "takes more memory than a file may; left out"
    except RecursionError:
        reason = "nested too deeply; left out"
    return Review(problems=[Problem(target.path, reason, broken=True)])


def _review_file(target: Target, cache: Cache | None) -> Review:
    text = target.source().text
    if is_manifest(target.path):
        return _review_manifest(text, target)
    if cache is not None and target.changed is None:
        return _remembered(text, target, cache)
    if target.path.endswith(NOTEBOOK):
        return _review_notebook(text, target)
    result = review_source(
        text,
        target.path,
        target.changed,
        workspace=_workspace(target),
        fixes=target.fixes,
        dataflow=target.dataflow,
    )
    shape = comparison.shape_in(text, target.path)
    if shape is not None and result.files:
        result.shapes[target.path] = shape
    return result


def _parts(targets: Sequence[Target], work: pool.Work) -> Iterable[Review]:
    """The outcome of each target. A process of its own survives what a file may do to it; without forks it costs a second."""
    if len(targets) >= POOL_FROM_FILES or (targets and pool.may_fork()):
        return pool.over_processes(targets, work, functools.partial(_prepare, targets))
    return map(work, targets)


def forget() -> None:
    """Let go of what is known of files, which may have changed since."""
    _space.cache_clear()
    _digest.cache_clear()


def _prepare(targets: Sequence[Target]) -> None:
    """Load what every worker needs, so that they are born with it."""
    all_rules()
    if any(target.fixes for target in targets):
        from kibitz_reviewer import repairs  # noqa: F401 - brings libcst
    if any(target.dataflow for target in targets):
        from kibitz_reviewer.dataflow import analysis, models  # noqa: F401 - the first is only loaded

        models.standard_models()


def _remembered(text: str, target: Target, cache: Cache) -> Review:
    """What the cache knows of a file, or what a review finds, which is then put there."""
    space = _workspace(target)
    known = cache.get(_key(target), text, functools.partial(_digest, space))
    if known is not None:
        shapes = {} if known.shape is None else {target.path: known.shape}
        return Review(
            known.findings, files=1, lines=text.count("\n"), suppressed=known.suppressed, shapes=shapes
        )
    if space is not None:
        space.asked = set()
    result = _review_file(target, None)
    if not result.problems:
        asked = (space.asked - {target.path}) if space is not None else set()
        depends = {path: _digest(space, path) for path in asked}
        cache.put(
            _key(target),
            text,
            Known(result.findings, result.suppressed, result.shapes.get(target.path)),
            depends,
        )
    return result


def _key(target: Target) -> str:
    """What findings in a text also depend on: its path, and what was asked about it."""
    asked = f"{target.path}\0{'fixes' * target.fixes}\0{'dataflow' * target.dataflow}"
    return f"{asked}\0{custom.digest(all_rules())}"


@functools.lru_cache(maxsize=20_000)
def _digest(space: Workspace | None, path: str) -> str | None:
    """The hash of a file of the workspace; None if there is none."""
    if space is None or space.root is None:
        return None
    try:
        return digest((space.root / path).read_bytes())
    except (OSError, ValueError):
        return None


def _review_notebook(text: str, target: Target) -> Review:
    """Review the code of a notebook's cells; lines are those of the cells one after the other."""
    try:
        source = notebook.source_of(text)
    except ValueError as error:
        return Review(problems=[Problem(target.path, f"not a notebook: {error}", broken=True)])
    result = review_source(source, target.path, workspace=_workspace(target))
    result.findings = [replace(finding, fix=None, anchor=None) for finding in result.findings]
    return result


def _review_manifest(text: str, target: Target) -> Review:
    """Review what says what is installed."""
    try:
        read = manifest.parse(text, target.path, target.place.parent)
    except manifest.ManifestError as error:
        return Review(problems=[Problem(target.path, f"does not parse: {error}", broken=True)])
    found = fingerprinted(finding for rule in all_rules() for finding in rule.check_manifest(read))
    kept, suppressed = keep(found, suppressions(text))
    lines = len(read.lines) - (read.lines[-1] == "")
    return Review(touching(kept, target.changed), files=1, lines=lines, suppressed=suppressed)


def _workspace(target: Target) -> Workspace | None:
    """The files around ``target``: those below the folder that its shown path starts from, or else below its ``top``."""
    if target.top is not None:
        return _space(target.top)
    depth = target.path.count("/") + 1
    parents = target.place.absolute().parents
    if target.path.startswith("/") or ".." in target.path.split("/") or len(parents) < depth:
        return None
    root = parents[depth - 1]
    return _space(root) if (root / target.path) == target.place.absolute() else None


@functools.lru_cache(maxsize=4)
def _space(root: Path) -> Workspace:
    return Workspace(root)


def review_source(
    text: str,
    path: str,
    changed: frozenset[int] | None = None,
    rules: Sequence[Rule] | None = None,
    workspace: Workspace | None = None,
    *,
    fixes: bool = True,
    dataflow: bool = True,
) -> Review:
    """Review a source text with ``rules`` (default: all), limited to findings that touch ``changed`` lines.

    ``workspace`` is where the files that it imports are found; without one it is looked at on its own. Without ``fixes``
    findings carry none; without ``dataflow`` no value is followed.
    """
    try:
        known = workspace.parsed(path, text) if workspace is not None else None
        module = Module(text, path) if known is None else known
        module.workspace = workspace
        module.follows = dataflow
    except UnparsableError as error:
        return Review(problems=[Problem(path, f"does not parse: {error}", error.line, broken=True)])
    result = Review(files=1, lines=len(module.lines) - (module.lines[-1] == ""))
    for first, last in module.skipped:
        where = f"line {first}" if first == last else f"lines {first}-{last}"
        reason = (
            f"{where}: syntax newer than Python {sys.version_info[0]}.{sys.version_info[1]}, not reviewed"
        )
        result.problems.append(Problem(path, reason, first))
    found: list[Finding] = []
    own = (rule for rule in all_rules() if not rule.across)
    hands_on = _hands_on(module)
    for rule in own if rules is None else rules:
        if rule.wants(module.source, module.words) or (rule.reaches and hands_on):
            found += _checked(rule, module, result)
    if module.flow_error:
        result.problems.append(Problem(path, f"data flow failed: {module.flow_error}"))
    # Fingerprints are given before anything is left out: an ordinal must not depend on what a change touches.
    if found:
        found = fingerprinted(without_superseded(found))
    hints = suppressions(text)
    if rules is None and dataflow:
        found = [*found, *fingerprinted(unused(module, hints, found))]
    found, result.suppressed = keep(found, hints)
    here = touching(found, changed)
    result.findings = with_fixes(module, here) if fixes else here
    module.forget()
    return result


def _hands_on(module: Module) -> bool:
    """Whether the file imports others of its tree: what comes in here may do harm there."""
    space = module.workspace
    if space is None or not module.follows:
        return False
    for statement in module.nodes(ast.Import, ast.ImportFrom):
        if isinstance(statement, ast.Import):
            named = [alias.name for alias in statement.names]
        else:
            package = "." * statement.level + (statement.module or "")
            joint = "" if not package or package.endswith(".") else "."
            named = [package, *(f"{package}{joint}{alias.name}" for alias in statement.names)]
        if any(space.resolve(name, module.path) for name in named if name.strip(".")):
            return True
    return False


def without_superseded(findings: Iterable[Finding]) -> list[Finding]:
    """``findings`` without those that another one of the same line says better."""
    findings = list(findings)
    better = {
        (finding.path, finding.line, lesser)
        for finding in findings
        if (rule := rule_named(finding.rule)) is not None
        for lesser in rule.supersedes
    }
    return [f for f in findings if (f.path, f.line, f.rule) not in better]


def touching(findings: Iterable[Finding], changed: frozenset[int] | None) -> list[Finding]:
    """The findings that lie, in part at least, on ``changed`` lines; all of them if that is None."""
    if changed is None:
        return list(findings)
    return [f for f in findings if any(line in changed for line in range(f.line, f.end_line + 1))]


def _checked(rule: Rule, module: Module, result: Review) -> list[Finding]:
    """A rule's findings; a rule that fails is a problem of ours to report, not a reason to stop."""
    try:
        return list(rule.check(module))
    except Exception as error:
        result.problems.append(
            Problem(module.path, f"rule {rule.id} failed: {type(error).__name__}: {error}")
        )
        return []


def _is_python(path: str) -> bool:
    return not path.endswith(NOTEBOOK) and not is_manifest(path)


def _ask_pylint(targets: Sequence[Target], result: Review) -> None:
    texts: dict[str, str] = {}
    changed: dict[str, frozenset[int] | None] = {}
    broken = {problem.path for problem in result.problems if problem.broken}
    for target in targets:
        if target.path not in broken and _is_python(target.path):
            try:
                texts[target.path] = target.source().text
            except UnreadableError:
                continue
            changed[target.path] = target.changed
    try:
        theirs = pylint.review(texts)
    except pylint.PylintError as error:
        result.problems.append(Problem("", f"{error}; its messages are missing from this review"))
        return
    hints: dict[str, Suppressions] = {path: suppressions(texts[path]) for path in {f.path for f in theirs}}
    for path in sorted(hints):
        here = fingerprinted(finding for finding in theirs if finding.path == path)
        kept, suppressed = keep(here, hints[path])
        result.suppressed += suppressed
        result.findings += pylint.without_duplicates(result.findings, touching(kept, changed[path]))
