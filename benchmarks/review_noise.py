"""How often does each rule speak, in code that many people have read?

    python benchmarks/review_noise.py [--quick] [--packages] [FOLDER ...]

Reviews the standard library (or FOLDERs; with ``--packages`` also large packages of pure Python, downloaded from PyPI into a
temporary folder) and prints findings per 1,000 lines for each rule, the loudest first, then the problems: files that could
not be reviewed, and rules that failed. A rule over 1 is tuned, or states low confidence.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

from kibitz_reviewer.runner import Target, review
from kibitz_reviewer.sources import expand, relative

SKIPPED = ("test", "tests", "idlelib", "lib2to3", "turtledemo", "site-packages")
PACKAGES = (
    *(
        "ansible-core",
        "awscli",
        "babel",
        "bokeh",
        "botocore",
        "celery",
        "dask",
        "distributed",
        "django",
        "docutils",
    ),
    *(
        "faker",
        "fonttools",
        "huggingface_hub",
        "jedi",
        "keras",
        "moto",
        "networkx",
        "nltk",
        "plotly",
        "pygments",
    ),
    *(
        "pylint",
        "pytest",
        "rich",
        "scrapy",
        "setuptools",
        "sphinx",
        "sqlalchemy",
        "streamlit",
        "sympy",
        "twisted",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="only the modules that are no packages")
    parser.add_argument("--packages", action="store_true", help="also large packages from PyPI")
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    args = parser.parse_args()
    folders = args.folders or [Path(sysconfig.get_paths()["stdlib"])]
    with tempfile.TemporaryDirectory() as place:
        if args.packages:
            folders += downloaded(Path(place))
        report([target for folder in folders for target in targets(folder, quick=args.quick)])


def downloaded(place: Path) -> list[Path]:
    """The packages' sources, each in a folder of its own."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*command, "--dest", str(place / "wheels"), *PACKAGES], check=True)
    folders = []
    for wheel in sorted((place / "wheels").glob("*.whl")):
        folder = place / wheel.name.partition("-")[0]
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder, [name for name in archive.namelist() if name.endswith(".py")])
        folders.append(folder)
    return folders


def targets(folder: Path, *, quick: bool) -> list[Target]:
    found = []
    for file, reason in expand(sorted(folder.glob("*.py")) if quick else [folder]):
        parts = file.relative_to(folder).parts if file.is_relative_to(folder) else ()
        if reason is None and not set(parts) & set(SKIPPED):
            found.append(Target(relative(file, folder), file, fixes=False))
    return found


def report(files: list[Target]) -> None:
    result = review(files)
    sure = Counter(finding.rule for finding in result.findings if finding.confidence > 1)
    every = Counter(finding.rule for finding in result.findings)
    for rule, count in every.most_common():
        per = {
            "all": round(count * 1000 / result.lines, 3),
            "confident": round(sure[rule] * 1000 / result.lines, 3),
        }
        print(json.dumps({"benchmark": "review_noise", "rule": rule, "findings_per_1000_lines": per}))
    for problem in result.problems:
        print(json.dumps({"benchmark": "review_noise", "problem": f"{problem.path}: {problem.message}"}))
    print(json.dumps({"benchmark": "review_noise", "files": result.files, "lines": result.lines}))


if __name__ == "__main__":
    main()
