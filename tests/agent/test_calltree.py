"""The call tree of integers and what it becomes: names, files, lines."""

from __future__ import annotations

import sys
import tracemalloc
from types import FrameType

from kibitz_agent.calltree import ROOT, CallTree
from kibitz_agent.profile import NO_PARENT, Profile, ProfileBuilder


def here() -> FrameType:
    return sys._getframe(1)


def poured(tree: CallTree) -> tuple[list[int], Profile]:
    builder = ProfileBuilder()
    return tree.pour(builder), builder.build()


def names_of(
    source: str, name: str | None = "shop.pricing", filename: str = "/srv/shop/pricing.py"
) -> list[tuple[str, str, int, int]]:
    """Run ``source`` as a module; it calls ``look()`` where the stack is to be taken: (name, file, first line, line)."""
    tree, seen = CallTree(), []
    scope: dict[str, object] = {"look": lambda: seen.append(tree.walk(sys._getframe(1), 1000))}
    if name is not None:
        scope["__name__"] = name
    exec(compile(source, filename, "exec"), scope)
    nodes, profile = poured(tree)
    found = []
    for node in profile.path(nodes[seen[0][0]]):
        frame = profile.frame(profile.node_frame[node])
        if frame.file == filename:
            found.append((frame.name, frame.file, frame.line, profile.node_line[node]))
    return found


SOURCE = """
class Cart:
    def total(self):
        prices = [1, 2]
        return look()

    @classmethod
    def make(cls):
        return cls().total()

Cart.make()
"""


def test_methods_carry_module_class_file_first_line_and_the_line_being_run():
    file = "/srv/shop/pricing.py"
    assert names_of(SOURCE) == [
        ("shop.pricing:<module>", file, 1, 11),
        ("shop.pricing:Cart.make", file, 7, 9),
        ("shop.pricing:Cart.total", file, 3, 5),
    ]


def test_module_without_a_name_is_called_by_its_file():
    assert names_of("look()", name=None, filename="/srv/tasks.py")[0][0] == "tasks:<module>"
    assert names_of("look()", name=None, filename="<console>")[0][0] == "<console>:<module>"


def test_module_name_that_is_no_plain_string_is_not_believed():
    class Odd(str):
        def __format__(self, spec: str) -> str:
            raise AssertionError("code of the host was run")

    assert names_of("look()", name=Odd("odd"), filename="/srv/tasks.py")[0][0] == "tasks:<module>"


def test_same_stack_is_the_same_node():
    tree = CallTree()
    frame = here()
    assert tree.walk(frame, 1000)[0] != ROOT
    first, second = (tree.walk(frame, 1000) for _ in range(2))
    assert first == second


def test_functions_of_equal_name_in_different_files_stay_apart():
    builder, tree = ProfileBuilder(), CallTree()
    for file in ("/a/views.py", "/b/views.py"):
        exec(
            compile("look()", file, "exec"),
            {"__name__": "views", "look": lambda: tree.walk(sys._getframe(1), 1000)},
        )
    tree.pour(builder)
    profile = builder.build()
    frames = [profile.frame(index) for index in range(len(profile.frame_name))]
    assert {frame.file for frame in frames if frame.name == "views:<module>"} == {
        "/a/views.py",
        "/b/views.py",
    }


def test_instructions_of_one_line_become_one_node():
    tree = CallTree()

    def both() -> tuple[int, int]:
        return tree.walk(here(), 1000)[0], tree.walk(here(), 1000)[0]

    first, second = both()
    assert first != second
    nodes, _ = poured(tree)
    assert nodes[first] == nodes[second]


def test_what_launched_the_program_is_left_out():
    tree, seen = CallTree(), []
    scope = {"__name__": "__main__", "look": lambda: seen.append(tree.walk(sys._getframe(1), 1000)[0])}
    program = compile("look()", "/srv/app.py", "exec")
    launcher = {"__name__": "kibitz_agent.commands.run", "program": program, "scope": scope}
    exec(compile("exec(program, scope)", "/lib/kibitz_agent/commands/run.py", "exec"), launcher)
    nodes, profile = poured(tree)
    path = profile.path(nodes[seen[0]])
    assert [profile.frame(profile.node_frame[node]).name for node in path] == ["__main__:<module>"]
    assert nodes[ROOT] == NO_PARENT


def test_code_that_lives_on_only_in_the_tree_keeps_its_name():
    tree = CallTree()
    for index in range(200):
        scope = {"__name__": f"made_{index}", "look": lambda: tree.walk(sys._getframe(1), 1000)}
        exec(compile("look()", f"/made/{index}.py", "exec"), scope)
    _, profile = poured(tree)
    names = {profile.frame(index).name for index in range(len(profile.frame_name))}
    assert {f"made_{index}:<module>" for index in range(200)} <= names


def test_memory_is_counted_honestly():
    frame = here()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tree = CallTree()
        codes = []
        for index in range(3000):
            tree._codes[index << 20] = (frame.f_code, "")
            tree._add(index, (index << 20) + 5)
        codes.clear()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 0.7 * grown <= tree.memory_bytes <= 1.6 * grown
