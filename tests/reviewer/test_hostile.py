"""Hostile source, whole files of it through the whole of a review: a clear report without findings, in bounded memory."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

MEMORY_BYTES = 2 * 1024**3

FILES: dict[str, bytes] = {
    "long_line": b"x = '" + b"a" * 990_000 + b"'\n",
    "long_list": b"x = [" + b"f(1)," * 30_000 + b"]\n",
    "long_chain": b"a = b" + b".c(d)" * 150_000 + b"\n",
    "brackets": b"x = " + b"[" * 10_000 + b"]" * 10_000 + b"\n",
    "unclosed": b"(" * 500_000,
    "sum": b"x = " + b"+".join([b"1"] * 200_000) + b"\n",
    "texts": b"x = " + b"+".join([b"'a'"] * 900) + b"\n",
    "attributes": b"x = a" + b".b" * 400_000 + b"\n",
    "calls": b"x = f" + b"()" * 400_000 + b"\n",
    "lambdas": b"x = " + b"lambda: " * 90_000 + b"1\n",
    "branches": b"if x: pass\n" + b"elif y: pass\n" * 70_000,
    "deep": b"".join(b" " * depth + b"if x:\n" for depth in range(900)) + b" " * 900 + b"pass\n",
    "lines": b"x = 1\n" * 100_000,
    "comment": b"#" * 990_000,
    "comments": b"# noqa: E501\n" * 70_000,
    "globals": b"def f():\n" + b"".join(b"    global x%d\n" % n for n in range(30_000)),
    "doubling": b"x = ['a']\n" + b"x = x + x\n" * 300,
    "powers": b"x = 9**9**9**9\ny = 'a' * 10**12\nz = [0] * 10**12\nw = 1 << 10**10\nv = '%0999999999d' % 1\n",
    "own_base": b"class A(B): pass\nclass B(A): pass\nA().x\nclass C(C): x = C.x\nC().y()\n",
    "recursion": b"".join(
        b"def f%d(a):\n    f%d(a)\n    return f%d(f%d(a))\n" % (n, n * 7 % 200, n * 3 % 200, (n + 1) % 200)
        for n in range(200)
    ),
    "number": b"x = " + b"9" * 900_000 + b"\n",
    "nul": b"x = 1\n\0\n",
    "bom": b"\xef\xbb\xbfx = 1\n",
    "late_bom": b"x = 1\n\xef\xbb\xbfy = 2\n",
    "wide": "x = 1\n".encode("utf-16"),
    "tabs": b"if x:\n\ty = 1\n        z = 2\n",
    "escapes": b"x = '\\d\\q'\n",
    "no_character": b"x = '\\N{nope}'\n",
    "quotes": b"'" * 900_001,
    "coding": b"# coding: " + b"u" * 900_000 + b"\n",
    "rot": b"# coding: rot13\nx = 1\n",
    "surrogate": b"x = '\xed\xa0\x80'\n",
    "returns": b"x = 1\r" * 20_000,
    "too_large": b"x = 1\n" * 200_000,
    "empty": b"",
}

SCRIPT = """
import json, sys
from pathlib import Path
from kibitz_reviewer.runner import Target, review

result = review([Target(path.name, path) for path in sorted(Path(sys.argv[1]).iterdir())])
problems = {problem.path: problem.message for problem in result.problems}
print(json.dumps({"findings": [f.rule for f in result.findings], "problems": problems, "files": result.files}))
"""


def test_hostile_files_end_in_a_clear_report_in_bounded_memory(tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / f"{name}.py").write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path], capture_output=True, text=True, check=False, timeout=900
    )
    assert "Traceback" not in done.stderr
    report = json.loads(done.stdout)
    assert report["findings"] == []
    assert report["files"] + len(report["problems"]) == len(FILES)
    assert all(len(message) > 10 for message in report["problems"].values())
    assert not any("failed" in message or "newer" in message for message in report["problems"].values())
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < MEMORY_BYTES
