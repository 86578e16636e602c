"""Which forge the CI system around us works for."""

from __future__ import annotations

from collections.abc import Mapping

from kibitz_reviewer.forges import ForgeError


def detected(environ: Mapping[str, str]) -> str:
    """The name for ``connect``, by the variables each CI system sets; ``ForgeError`` if none of them is there."""
    if environ.get("GITHUB_ACTIONS") == "true" or environ.get("GITHUB_REPOSITORY"):
        return "github"
    if environ.get("GITLAB_CI") == "true":
        return "gitlab"
    if environ.get("BITBUCKET_BUILD_NUMBER") or environ.get("BITBUCKET_PR_ID"):
        return "bitbucket"
    if environ.get("CODEBUILD_BUILD_ID"):
        return _of_codebuild(environ)
    if environ.get("KIBITZ_CODECOMMIT_PULL_REQUEST"):
        return "codecommit"
    raise ForgeError(
        "--post auto: expected the variables of GitHub Actions, GitLab CI, Bitbucket Pipelines or CodeBuild, found none; "
        "name the forge: github, gitlab, bitbucket or codecommit"
    )


def _of_codebuild(environ: Mapping[str, str]) -> str:
    """CodeBuild builds for any forge: the address of the source says which."""
    source = environ.get("CODEBUILD_SOURCE_REPO_URL", "").lower()
    for mark, name in (
        ("codecommit", "codecommit"),
        ("github", "github"),
        ("bitbucket", "bitbucket"),
        ("gitlab", "gitlab"),
    ):
        if mark in source:
            return name
    return "codecommit" if environ.get("KIBITZ_CODECOMMIT_PULL_REQUEST") else "github"
