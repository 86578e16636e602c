"""The data flow: what reaches a sink and what does not, through the language's own ways of moving values."""

from __future__ import annotations

import textwrap
import tomllib
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


CARRIERS = tomllib.loads((Path(__file__).parent / "corpus" / "carriers.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("statements", CARRIERS["harmful"].values(), ids=CARRIERS["harmful"])
def test_a_value_is_followed_through(statements: str) -> None:
    assert reaches(statements)


@pytest.mark.parametrize("statements", CARRIERS["harmless"].values(), ids=CARRIERS["harmless"])
def test_nothing_is_said_of(statements: str) -> None:
    assert not reaches(statements)


def test_a_quoted_value_is_harmless_to_a_shell_alone() -> None:
    assert not reaches("import shlex\nx = 'ls ' + shlex.quote(v)")
    body = "import shlex\ndef view():\n    open(shlex.quote(request.args['v']))\n"
    assert flows(body) == [("path", "open(shlex.quote(request.args['v']))")]


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


STORE = """
import os
class Store:
    def __init__(self, root="/srv"):
        self.root = root
    def read(self, name):
        return open(os.path.join(self.root, name)).read()
def get_store():
    return Store()
def get_name(name):
    return "a/" + name
"""


@pytest.mark.parametrize(
    "view",
    [
        "def f(name: str, store: Store = Depends(get_store)):\n    return store.read(name)\n",
        "def f(name: str, store: Annotated[Store, Depends(get_store)]):\n    return store.read(name)\n",
        "def f(name: str, store: Annotated[Store, Depends()]):\n    return store.read(name)\n",
        "def f(name: str, store: Store = Depends()):\n    return store.read(name)\n",
        "def f(place: str = Depends(get_name)):\n    return open(place).read()\n",
    ],
)
def test_what_fastapi_injects_is_what_the_program_makes(view: str) -> None:
    head = (
        "from typing import Annotated\nfrom fastapi import Depends, FastAPI\nfrom store import Store, get_name, get_store\n"
        'app = FastAPI()\n@app.get("/f")\n'
    )
    assert [kind for kind, _ in flows(view, head, Workspace(texts={"store.py": STORE}))] == ["path"]


def test_what_fastapi_injects_otherwise_is_harmless() -> None:
    head = "from fastapi import Depends, FastAPI\nfrom elsewhere import get_place\napp = FastAPI()\n@app.get('/f')\n"
    assert flows("def f(place: str = Depends(get_place)):\n    return open(place).read()\n", head) == []


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


def test_a_decorator_at_module_level_is_seen_through() -> None:
    body = """
    from functools import wraps
    def logged(f):
        @wraps(f)
        def inner(*args, **keywords):
            return f(*args, **keywords)
        return inner
    @logged
    def run(command):
        os.system(command)
    @app.route("/")
    @logged
    def view():
        run(request.args["v"])
    """
    assert flows(body) == [("shell", "os.system(command)")]


def test_a_guard_holds_where_the_same_expression_is_written_again() -> None:
    body = """
    @app.route("/")
    def view():
        if request.args["v"] in ("a", "b"):
            os.system(request.args["v"])
        os.popen(request.args["v"])
        if request.args.get("w") != "ls":
            return ""
        os.system(request.args.get("w"))
    """
    assert flows(body) == [("shell", 'os.popen(request.args["v"])')]
