"""Whether code runs once or again and again."""

from __future__ import annotations

import ast

import pytest

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.loops import is_handler, repeats


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("for x in y:\n    use()", True),
        ("while use():\n    pass", True),
        ("[use() for x in y]", True),
        ("for x in use():\n    pass", False),
        ("[x for x in use()]", False),
        ("for x in y:\n    if x:\n        use()\n        break", False),
        ("for x in y:\n    def f():\n        use()", False),
        ("for x in y:\n    pass\nelse:\n    use()", False),
    ],
)
def test_repeats(source: str, expected: bool) -> None:
    module = Module(source)
    (call,) = module.nodes(ast.Call)
    assert repeats(module, call) is expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("@app.route('/')\ndef f(): pass", True),
        ("@router.get('/x')\nasync def f(): pass", True),
        ("def handler(event, context): pass", True),
        ("def handler(event, _): pass", True),
        ("def on_click(event): pass", False),
        ("class A:\n    def f(self, event): pass", False),
        ("@functools.cache\ndef f(): pass", False),
    ],
)
def test_handlers(source: str, expected: bool) -> None:
    module = Module(source)
    (function,) = module.nodes(ast.FunctionDef, ast.AsyncFunctionDef)
    assert is_handler(module, function) is expected
