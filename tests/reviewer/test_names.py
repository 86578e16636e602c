"""What names mean, and when they mean nothing."""

from __future__ import annotations

import ast
import textwrap

import pytest

from kibitz_reviewer.engines.index import Module


def meanings(source: str) -> list[str | None]:
    module = Module(textwrap.dedent(source), "x.py")
    calls = [c for c in module.nodes(ast.Call) if isinstance(c.func, ast.Name) or c.args or not c.keywords]
    return [module.qualified_name(call.func) for call in calls]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import os.path\nos.path.join()", "os.path.join"),
        ("import os.path as p\np.join()", "os.path.join"),
        ("from . import models\nmodels.User()", ".models.User"),
        ("from ..shop.models import User as U\nU()", "..shop.models.User"),
        ("open()", "open"),
        ("unheard_of()", None),
        ("import yaml\nyaml = object\nyaml.load()", None),
        ("try:\n    import yaml\nexcept ImportError:\n    yaml = None\nyaml.load()", "yaml.load"),
        ("import sub as s\ndef f(s):\n    s.run()", None),
        ("import sub as s\ndef f(a=s.run()): pass", "sub.run"),
        ("import sub as s\ns2 = s\ns2.run()", "sub.run"),
        ("import sub as s\nclass A:\n    s = 1\n    def f(self):\n        s.run()", "sub.run"),
        ("import sub as s\n[s.run for s in x]\ns.run()", "sub.run"),
        ("import sub as s\ndef f():\n    global s\n    s = 1\ns.run()", None),
        ("def open(): pass\nopen()", None),
        ("import a as s\nfor s in x: pass\ns.run()", None),
        ("import a as s\ndef f():\n    try: pass\n    except E as s: s.run()", None),
    ],
)
def test_name_means_what_its_bindings_agree_on(source: str, expected: str | None) -> None:
    assert meanings(source)[-1] == expected


def test_variable_takes_the_name_of_the_call_it_is_bound_to() -> None:
    assert meanings("import boto3\ndef f():\n    c = boto3.client('s3')\n    c.put()") == [
        "boto3.client",
        "boto3.client().put",
    ]


def test_with_target_takes_the_name_of_its_context() -> None:
    assert meanings("import db\nwith db.connect() as c:\n    c.execute()")[-1] == "db.connect().execute"


def test_attribute_of_self_takes_what_a_method_binds_it_to() -> None:
    source = """
        import boto3
        class A:
            def __init__(self):
                self.client = boto3.client("s3")
            def go(self):
                self.client.put()
    """
    assert meanings(source)[-1] == "boto3.client().put"


def test_branches_that_agree_keep_the_name() -> None:
    source = "import b\nif x:\n    c = b.open(1)\nelse:\n    c = b.open(2)\nc.go()"
    assert meanings(source)[-1] == "b.open().go"


def test_names_bound_in_a_circle_mean_nothing() -> None:
    assert meanings("a = b\nb = a\na.run()") == [None]
