"""From a review to the pull request it is about, by way of a forge; where the forge takes nothing, to the CI job's own page."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kibitz_reviewer.config import Config
from kibitz_reviewer.finding import Finding, Severity
from kibitz_reviewer.forges import ForbiddenError, Forge, Posted, connect
from kibitz_reviewer.forges.detect import detected
from kibitz_reviewer.forges.feedback import Feedback
from kibitz_reviewer.forges.job_page import show
from kibitz_reviewer.forges.marker import shortened
from kibitz_reviewer.forges.pipeline import Manner, publish
from kibitz_reviewer.forges.report import tell
from kibitz_reviewer.generated import is_generated
from kibitz_reviewer.runner import Review, Target
from kibitz_reviewer.sources import UnreadableError


def manner_of(config: Config, result: Review, *, fail_at: Severity | None, dry_run: bool = False) -> Manner:
    """How to publish ``result`` under ``config``; ``fail_at``: the severity from which a finding fails the check."""
    lost = frozenset(problem.path for problem in result.problems)
    return Manner(
        max_inline=config.max_inline,
        unreviewed=lost,
        blind="" in lost,
        fail_at=fail_at,
        review_drafts=config.review_drafts,
        review_bots=config.review_bots,
        once=dry_run,
    )


def post(
    name: str, targets: Sequence[Target], result: Review, environ: Mapping[str, str], manner: Manner
) -> str:
    """Publish ``result`` on the forge ``name`` ("auto": the one that ``environ`` shows); what was done, as a sentence.

    What people with a say waved away is taken out of ``result``: it fails nothing any more. With ``manner.once`` the requests
    are printed instead. Raises ``ForgeError``.
    """
    name = detected(environ) if name == "auto" else name
    forge = connect(name, environ)
    findings = _written_by_people(targets, result.findings)
    manner = replace(manner, renamed={target.path: target.before for target in targets if target.before})
    if manner.once:
        requests: list[dict[str, object]] = []
        forge.rehearse(requests)
        publish(forge, findings, manner)
        print(json.dumps(requests, indent=2, ensure_ascii=True))
        return f"{len(requests)} request(s) not sent"
    try:
        posted, text = _published(forge, findings, environ, manner)
    except ForbiddenError as error:
        if not show(findings, environ, sys.stderr):
            raise
        return f"{error}; the findings are on the job's own page instead"
    untold = tell(name, findings, posted, environ)
    result.findings = [one for one in result.findings if shortened(one.fingerprint) not in posted.waved]
    return f"{text}; {untold}" if untold else text


def _published(
    forge: Forge, findings: Sequence[Finding], environ: Mapping[str, str], manner: Manner
) -> tuple[Posted, str]:
    """Publish, with an ear for what people said of these rules before."""
    path = environ.get("KIBITZ_FEEDBACK_FILE", "")
    if not path:
        posted = publish(forge, findings, manner)
        return posted, str(posted)
    feedback = Feedback(Path(path))
    demoted = feedback.demoted()
    posted = publish(forge, findings, replace(manner, quiet=demoted))
    feedback.record(posted.said, posted.turned_down)
    reported = [f"{rule} is only in the summary now: {why}" for rule, why in demoted.items()]
    return posted, "; ".join([str(posted), *reported])


def _written_by_people(targets: Sequence[Target], findings: Sequence[Finding]) -> list[Finding]:
    """``findings`` without those in generated or vendored files."""
    concerned = {finding.path for finding in findings}
    generated = {target.path for target in targets if target.path in concerned and _is_generated(target)}
    return [finding for finding in findings if finding.path not in generated]


def _is_generated(target: Target) -> bool:
    try:
        return is_generated(target.path, target.source().text)
    except UnreadableError:
        return is_generated(target.path, "")
