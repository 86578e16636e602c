"""The data flow: what reaches a sink and what does not, through the language's own ways of moving values."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from kibitz_reviewer.dataflow.models import ModelError, models_for, read_models
from kibitz_reviewer.dataflow.program import Workspace
from kibitz_reviewer.engines.index import Module

HEAD = """\
import os
from flask import Flask, request
app = Flask(__name__)

"""


def flows(body: str, head: str = HEAD, workspace: Workspace | None = None) -> list[tuple[str, str]]:
    """(kind, the sink's line) of each flow."""
    module = Module(head + textwrap.dedent(body), "app.py")
    module.workspace = workspace
    kinds = ("sql", "shell", "code", "path", "xss", "ssrf", "redirect")
    found = [flow for kind in kinds for flow in module.flows(kind)]
    assert module.flow_error == ""
    return sorted((flow.kind, module.line(flow.node.lineno).strip()) for flow in found)


def reaches(statements: str) -> bool:
    """Whether ``x``, once these statements made it of the request's ``v``, still does harm in a shell."""
    body = textwrap.indent(textwrap.dedent(statements).strip(), "    ")
    return bool(flows(f"@app.route('/')\ndef view():\n    v = request.args['v']\n{body}\n    os.system(x)\n"))


HARMFUL = {
    "assignment": "x = v",
    "concatenation": "x = 'a' + v",
    "f-string": "x = f'a {v}'",
    "percent": "x = 'a %s' % v",
    "percent with a dictionary": "x = '%(a)s' % {'a': v}",
    "format": "x = 'a {}'.format(v)",
    "join": "x = ' '.join(['a', v])",
    "dictionary": "d = {}\nd['k'] = v\nx = d['k']",
    "dictionary display": "d = {'k': v, 'l': 1}\nx = d.get('k', '')",
    "unknown key": "d = {}\nd[os.getpid()] = v\nx = d['k']",
    "list": "l = []\nl.append('a')\nl.append(v)\nx = l[1]",
    "list after pop": "l = ['a', v, 'b']\nl.pop(0)\nx = l[0]",
    "tuple unpacking": "a, x = 'a', v",
    "star unpacking": "a, *r = ['a', v]\nx = r[0]",
    "attribute": "class B: pass\nb = B()\nb.a = v\nx = b.a",
    "constructor": "class B:\n    def __init__(self, a):\n        self.a = a\nx = B(v).a",
    "method": "class B:\n    def m(self, a):\n        return a + '!'\nx = B().m(v)",
    "inherited method": "class A:\n    def m(self, a):\n        return a\nclass B(A): pass\nx = B().m(v)",
    "super": "class A:\n    def m(self, a):\n        return a\nclass B(A):\n    def m(self, a):\n        return super().m(a)\nx = B().m(v)",
    "property": "class B:\n    def __init__(self, a):\n        self._a = a\n    @property\n    def a(self):\n        return self._a\nx = B(v).a",
    "dataclass": "from dataclasses import dataclass\n@dataclass\nclass B:\n    a: str\nx = B(v).a",
    "function": "def f(a, b):\n    return b\nx = f('a', v)",
    "keyword argument": "def f(a, b):\n    return b\nx = f(b=v, a=1)",
    "default": "def f(a=v):\n    return a\nx = f()",
    "varargs": "def f(*a):\n    return a[1]\nx = f('a', v)",
    "kwargs": "def f(**k):\n    return k['b']\nx = f(a=1, b=v)",
    "closure": "def f():\n    return v\nx = f()",
    "nonlocal": "x = ''\ndef f():\n    nonlocal x\n    x = v\nf()",
    "lambda": "f = lambda a: a\nx = f(v)",
    "partial": "from functools import partial\ndef f(a, b):\n    return a\nx = partial(f, v)(1)",
    "decorator": "def d(f):\n    def w(*a):\n        return f(*a)\n    return w\n@d\ndef f(a):\n    return a\nx = f(v)",
    "comprehension": "x = [a.upper() for a in [v]][0]",
    "generator": "def g():\n    yield v\nx = next(g())",
    "map": "x = list(map(lambda a: a + '', [v]))[0]",
    "branch": "x = 'a'\nif os.getpid():\n    x = v",
    "loop": "x = ''\nfor c in v:\n    x += c",
    "while": "x = ''\nwhile len(x) < 3:\n    x = x + v",
    "try": "try:\n    x = v\nexcept ValueError:\n    x = ''",
    "except": "x = v\ntry:\n    x = str(int(os.getpid()))\nexcept ValueError:\n    pass",
    "with": "from contextlib import suppress\nwith suppress(KeyError):\n    x = v",
    "match": "x = ''\nmatch os.getpid():\n    case 1:\n        x = v",
    "walrus": "if (x := v):\n    pass",
    "conditional": "x = v if os.getpid() else ''",
    "decode": "import base64\nx = base64.b64decode(v).decode()",
    "configparser": "import configparser\nc = configparser.ConfigParser()\nc.add_section('s')\nc.set('s', 'a', 'b')\nc.set('s', 'k', v)\nx = c.get('s', 'k')",
    "constant condition": "n = 100\nx = 'a' if 7 * n < 200 else v",
    "getattr": "class B: pass\nb = B()\nb.a = v\nx = getattr(b, 'a')",
    "string methods": "x = v.strip().lower().split(',')[0]",
    "dictionary items": "x = ''\nfor k, w in {'a': v}.items():\n    x = w",
    "a guard on another value": "w = request.args['w']\nif w not in ('a', 'b'):\n    return ''\nx = v",
    "a guard that does nothing": "if v == 'bad':\n    print('bad')\nx = v",
}
HARMLESS = {
    "number": "x = str(int(v))",
    "number format": "x = 'a %d' % int(v)",
    "length": "x = 'a' * len(v)",
    "quote": "import shlex\nx = 'ls ' + shlex.quote(v)",
    "another key": "d = {}\nd['a'] = 'b'\nd['k'] = v\nx = d['a']",
    "overwritten": "x = v\nx = 'a'",
    "overwritten key": "d = {'k': v}\nd['k'] = 'a'\nx = d['k']",
    "overwritten attribute": "class B: pass\nb = B()\nb.a = v\nb.a = 'a'\nx = b.a",
    "another element": "l = ['a', v]\nx = l[0]",
    "after pop": "l = ['a', v, 'b']\nl.pop(0)\nx = l[1]",
    "another argument": "def f(a, b):\n    return a\nx = f('a', v)",
    "a function that ignores it": "def f(a):\n    return 'a'\nx = f(v)",
    "constant condition": "n = 106\nx = 'a' if 7 * 18 + n > 200 else v",
    "dead branch": "x = 'a'\nif False:\n    x = v",
    "constant match": "match 'ABC'[1]:\n    case 'A':\n        x = v\n    case 'B':\n        x = 'b'\n    case _:\n        x = v",
    "configparser": "import configparser\nc = configparser.ConfigParser()\nc.add_section('s')\nc.set('s', 'a', 'b')\nc.set('s', 'k', v)\nx = c.get('s', 'a')",
    "table": "T = {'a': 'ls', 'b': 'df'}\nx = T.get(v, 'ls')",
    "allow list": "if v not in ('a', 'b'):\n    return ''\nx = v",
    "allow list in a branch": "x = 'a'\nif v in {'a', 'b'}:\n    x = v",
    "equality": "if v != 'a':\n    return ''\nx = v",
    "digits": "if not v.isdigit():\n    return ''\nx = v",
    "regular expression": "import re\nif not re.fullmatch(r'[a-z]+', v):\n    return ''\nx = v",
    "compiled expression": "import re\nP = re.compile(r'^[a-z]{1,8}$')\nif P.match(v) is None:\n    return ''\nx = v",
    "validating function": "def check(a):\n    return a in ('a', 'b')\nif not check(v):\n    return ''\nx = v",
    "raising function": "def check(a):\n    if a not in ('a', 'b'):\n        raise ValueError(a)\ncheck(v)\nx = v",
    "number that is tried": "try:\n    int(v)\nexcept ValueError:\n    return ''\nx = v",
    "every letter": "if not all(c in 'abc' for c in v):\n    return ''\nx = v",
    "enumeration": "import enum\nclass K(enum.Enum):\n    A = 'a'\nx = K.A.value",
    "typed parameter": "x = str(request.args.get('n', 1, type=int))",
    "method of the request": "x = request.method",
}


@pytest.mark.parametrize("statements", HARMFUL.values(), ids=HARMFUL)
def test_a_value_is_followed_through(statements: str) -> None:
    assert reaches(statements)


@pytest.mark.parametrize("statements", HARMLESS.values(), ids=HARMLESS)
def test_nothing_is_said_of(statements: str) -> None:
    assert not reaches(statements)


def test_a_field_carries_from_one_method_to_another() -> None:
    body = """
    class View:
        def start(self):
            self.name = request.args["v"]
        def end(self):
            os.system(self.name)
    """
    assert flows(body) == [("shell", "os.system(self.name)")]


def test_a_global_carries_from_one_function_to_another() -> None:
    body = """
    last = ""
    def start():
        global last
        last = request.args["v"]
    def end():
        start()
        os.system(last)
    """
    assert flows(body) == [("shell", "os.system(last)")]


def test_a_value_is_followed_into_another_file_and_back() -> None:
    texts = {
        "helpers/__init__.py": "",
        "helpers/text.py": "def loud(a):\n    return a + '!'\ndef quiet(a):\n    return 'a'\n",
        "helpers/run.py": "import os\ndef run(command):\n    os.system(command)\n",
    }
    body = """
    import helpers.text
    from helpers.run import run as go
    def view():
        v = request.args["v"]
        os.system(helpers.text.loud(v))
        os.system(helpers.text.quiet(v))
        go(v)
    """
    module = Module(HEAD + textwrap.dedent(body), "app.py")
    module.workspace = Workspace(texts=texts)
    found = [(flow.module.path, flow.node.lineno) for flow in module.flows("shell")]
    assert found == [("app.py", 10), ("helpers/run.py", 3)]


def test_a_source_in_another_file_is_seen() -> None:
    texts = {"web.py": "from flask import request\ndef name():\n    return request.args['name']\n"}
    body = "import os\nfrom web import name\ndef view():\n    os.system(name())\n"
    assert flows(body, "", Workspace(texts=texts)) == [("shell", "os.system(name())")]


def test_module_level_code_is_followed() -> None:
    assert flows("import os, sys\nname = sys.argv[1]\nos.system('ls ' + name)\n", "") == [
        ("shell", "os.system('ls ' + name)")
    ]


def test_the_way_of_a_value_is_told_step_by_step() -> None:
    module = Module(
        HEAD + "def f(a):\n    os.system(a)\ndef view():\n    v = request.args['v']\n    f(v)\n", "a.py"
    )
    (flow,) = module.flows("shell")
    assert [step.line for step in (flow.taint.source, *flow.taint.steps)] == [8, 8, 9, 6]


def test_a_function_that_calls_itself_comes_to_an_end() -> None:
    body = """
    def f(a, n):
        return f(a + "x", n - 1) if n else a
    def view():
        os.system(f(request.args["v"], 3))
    """
    assert flows(body) == [("shell", 'os.system(f(request.args["v"], 3))')]


def test_more_work_than_the_budget_ends_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kibitz_reviewer.dataflow.machine.MAX_STEPS", 10)
    assert flows("def view():\n    os.system(request.args['v'])\n" + "    print(1)\n" * 20) == []


def test_users_add_sources_and_sinks_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / ".kibitz" / "flows"
    folder.mkdir(parents=True)
    (folder / "ours.toml").write_text(
        '[[source]]\nwhat = "from the queue"\nnames = ["ours.receive()"]\n\n[[sink]]\nkind = "sql"\nnames = ["ours.ask"]\n'
    )
    models_for.cache_clear()
    body = "import ours\ndef work():\n    ours.ask(ours.receive())\n"
    assert flows(body, "", Workspace(tmp_path)) == [("sql", "ours.ask(ours.receive())")]


def test_a_model_file_that_is_wrong_says_where(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text('[[source]]\nlabel = "moon"\nnames = ["a.b"]\n')
    with pytest.raises(ModelError, match=r"bad.toml.*moon"):
        read_models([file])
