"""How often does each rule speak, in code that many people have read?

    python benchmarks/review_noise.py [--quick] [FOLDER ...]

Reviews the standard library (or FOLDERs) and prints findings per 1,000 lines for each rule, the loudest first, then the
problems: files that could not be reviewed, and rules that failed. A rule over 1 is tuned, or states low confidence.
"""

from __future__ import annotations

import argparse
import json
import sysconfig
from collections import Counter
from pathlib import Path

from kibitz_reviewer.runner import Target, review
from kibitz_reviewer.sources import expand, relative

SKIPPED = ("test", "tests", "idlelib", "lib2to3", "turtledemo", "site-packages")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="only the modules that are no packages")
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    args = parser.parse_args()
    folders = args.folders or [Path(sysconfig.get_paths()["stdlib"])]
    targets = []
    for folder in folders:
        for file, reason in expand(sorted(folder.glob("*.py")) if args.quick else [folder]):
            parts = file.relative_to(folder).parts if file.is_relative_to(folder) else ()
            if reason is None and not set(parts) & set(SKIPPED):
                targets.append(Target(relative(file, folder), file))
    result = review(targets)
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
