"""Networks in PyTorch: which activation ends a model, and which loss judges it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.names import FUNCTIONS, Function
from kibitz_reviewer.rule import Finding, Rule

SOFTMAX = frozenset(
    {"torch.nn.Softmax", "torch.nn.functional.softmax", "torch.softmax", "torch.nn.Softmax2d"}
)
LOG_SOFTMAX = frozenset({"torch.nn.LogSoftmax", "torch.nn.functional.log_softmax", "torch.log_softmax"})
SIGMOID = frozenset({"torch.nn.Sigmoid", "torch.nn.functional.sigmoid", "torch.sigmoid"})


def mismatches(
    rule: Rule,
    module: Module,
    losses: tuple[str, ...],
    functions: tuple[str, ...],
    activations: frozenset[str],
    message: str,
) -> Iterator[Finding]:
    """Findings where outputs that went through one of ``activations`` are judged by one of the losses."""
    for call in module.calls(*functions):
        if call.args and _is_activated(module, call.args[0], activations):
            yield rule.finding(module, call, message)
    made = module.calls(*losses)
    for loss in made:
        uses = _uses(module, loss)
        direct = [use for use in uses if use.args and _is_activated(module, use.args[0], activations)]
        if direct:
            yield from (rule.finding(module, use, message) for use in direct)
        elif _ends_model(module, activations):
            yield rule.finding(module, loss, message)


def _uses(module: Module, loss: ast.Call) -> list[ast.Call]:
    """The calls of a loss object that was bound to a name, or called at once."""
    parent = module.parent(loss)
    if isinstance(parent, ast.Call) and parent.func is loss:
        return [parent]
    if not isinstance(parent, ast.Assign):
        return []
    names = {ast.unparse(target) for target in parent.targets}
    return [call for call in module.nodes(ast.Call) if ast.unparse(call.func) in names]


def _is_activated(module: Module, node: ast.expr, activations: frozenset[str]) -> bool:
    """Whether a value is the result of one of the activations."""
    value = module.value_of(node)
    if not isinstance(value, ast.Call):
        return False
    name = (module.qualified_name(value.func) or "").removesuffix("()")
    if name in activations:
        return True
    return isinstance(value.func, ast.Attribute) and f"torch.{value.func.attr}" in activations


def _ends_model(module: Module, activations: frozenset[str]) -> bool:
    """Whether a model of the file ends in one of the activations."""
    for call in module.calls("torch.nn.Sequential"):
        last = call.args[-1] if call.args else None
        if isinstance(last, ast.Call) and module.qualified_name(last.func) in activations:
            return True
    for function in module.nodes(*FUNCTIONS):
        if function.name != "forward":
            continue
        for result in module.within(function, ast.Return):
            value = _last_value(module, function, result)
            if value is not None and _is_activated(module, value, activations):
                return True
    return False


def _last_value(module: Module, function: Function, result: ast.Return) -> ast.expr | None:
    """What is returned; of a variable that is bound over and over, what it was bound to last."""
    name = result.value
    if not isinstance(name, ast.Name):
        return name
    bound = [
        each.value
        for each in module.within(function, ast.Assign)
        if each.lineno < result.lineno
        and any(isinstance(target, ast.Name) and target.id == name.id for target in each.targets)
    ]
    return bound[-1] if bound else name
