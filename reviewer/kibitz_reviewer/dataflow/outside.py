"""What the outside passes to the functions it calls, by framework and by annotation."""

from __future__ import annotations

import ast
import re

from kibitz_reviewer.dataflow.calls import Calls
from kibitz_reviewer.dataflow.entries import Handler
from kibitz_reviewer.dataflow.program import FunctionInfo
from kibitz_reviewer.dataflow.state import Object
from kibitz_reviewer.dataflow.values import (
    HARMLESS,
    UNKNOWN,
    ClassRef,
    FunctionRef,
    Taint,
    Value,
    external,
    join_all,
)

_CONVERTER = re.compile(r"<(?:(\w+)(?:\([^)]*\))?:)?(\w+)>")
SAFE_CONVERTERS = frozenset({"int", "float", "uuid"})
SCALARS = frozenset(
    {
        "int",
        "float",
        "bool",
        "UUID",
        "uuid.UUID",
        "date",
        "datetime",
        "Decimal",
        "datetime.date",
        "datetime.datetime",
        "decimal.Decimal",
    }
)
#: What Django itself hands to its hooks (middleware, admin) beside the request.
OF_THE_FRAMEWORK = frozenset(
    {"response", "exception", "form", "formset", "obj", "queryset", "view_func", "view_args", "view_kwargs"}
)


class Outside(Calls):
    """Makes the arguments of entries."""

    def outside(self, ref: FunctionRef, handler: Handler) -> tuple[list[Value], dict[str, Value]]:
        """What a handler is called with, by position and by name."""
        arguments = ref.info.node.args
        parameters = [*arguments.posonlyargs, *arguments.args]
        if ref.bound is not None:
            parameters = parameters[1:]
        defaults = len(arguments.defaults)
        keywords: dict[str, Value] = {}
        for index, parameter in enumerate([*parameters, *arguments.kwonlyargs]):
            default = None
            if index < len(parameters) and index >= len(parameters) - defaults:
                default = arguments.defaults[index - len(parameters)]
            keywords[parameter.arg] = self._given(parameter, index, handler, ref.info, default)
        if handler.kind in ("flask", "django") and arguments.kwarg is not None:
            keywords["**"] = self._controlled(arguments.kwarg, handler)
        return [], keywords

    def _given(
        self, parameter: ast.arg, index: int, handler: Handler, info: FunctionInfo, default: ast.expr | None
    ) -> Value:
        """The value of one parameter, by its annotation and by what kind of handler this is."""
        annotation = self._annotated_type(parameter, info)
        if annotation and annotation.rpartition(".")[2] in handler.carriers:
            return external(f"{annotation}()")
        if handler.kind == "lambda":
            return self._controlled(parameter, handler) if index == 0 else UNKNOWN
        if handler.kind == "django":
            if index == 0:
                return external("django.http.HttpRequest()")
            if parameter.arg in OF_THE_FRAMEWORK:
                return UNKNOWN
            return HARMLESS if annotation in SCALARS else self._controlled(parameter, handler)
        if handler.kind == "starlette" and index == 0:
            return external("starlette.requests.Request()")
        if handler.kind == "aiohttp" and index == 0:
            return external("aiohttp.web.Request()")
        if handler.kind == "flask":
            named = {name: kind for kind, name in _CONVERTER.findall(handler.route)}
            if annotation in SCALARS or named.get(parameter.arg, "") in SAFE_CONVERTERS:
                return HARMLESS
            if handler.route and parameter.arg not in named:
                return UNKNOWN
            return self._controlled(parameter, handler)
        if handler.kind in ("fastapi", "command"):
            if (
                annotation in SCALARS
                or self._is_injected(default, parameter)
                or self._is_enumeration(parameter, info)
            ):
                return (
                    self._injected(default, parameter, handler, info)
                    if annotation not in SCALARS
                    else HARMLESS
                )
            return self._document(parameter, handler, info) or self._controlled(parameter, handler)
        if annotation and not info.module.module.names.bindings(annotation.partition(".")[0], info.node):
            return UNKNOWN if annotation in SCALARS else external(f"{annotation}()")
        if annotation in SCALARS:
            return HARMLESS
        if parameter.arg in ("request", "req") and not annotation:
            return external("request()")
        return external(f"{annotation}()") if annotation and "." in annotation else UNKNOWN

    def _controlled(self, parameter: ast.arg, handler: Handler) -> Value:
        label = "local" if handler.kind == "command" else "remote"
        source = self.step(parameter, f"parameter `{parameter.arg}` is {handler.what}")
        return Value(frozenset((Taint(label, source),)))

    def _document(self, parameter: ast.arg, handler: Handler, info: FunctionInfo) -> Value | None:
        """The body of a request as a model of the program: its numbers are numbers. None if it is something else."""
        if parameter.annotation is None:
            return None
        model = self.in_module(info.module, parameter.annotation)
        found = [ref.info for ref in model.refs if type(ref) is ClassRef]
        fields = self._record_fields(found[0]) if len(found) == 1 else None
        if not fields:
            return None
        controlled = self._controlled(parameter, handler)
        numbers = {
            statement.target.id
            for each in self.mro(found[0])
            for statement in each.node.body
            if isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and ast.unparse(statement.annotation) in SCALARS
        }
        cells = {name: HARMLESS if name in numbers else controlled for name in fields}
        return self.allocate(self.state, parameter, Object("object", cells, rest=controlled, cls=found[0]))

    def _annotated_type(self, parameter: ast.arg, info: FunctionInfo) -> str:
        node = parameter.annotation
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        if isinstance(node, ast.BinOp):
            node = node.left
        if isinstance(node, ast.Subscript):
            outer = ast.unparse(node.value).rpartition(".")[2]
            inner = (
                node.slice.elts[0] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
            )
            node = inner if outer in ("Optional", "Annotated") else node.value
        if not isinstance(node, ast.Name | ast.Attribute):
            return ""
        return info.module.module.qualified_name(node) or ast.unparse(node)

    def _is_injected(self, default: ast.expr | None, parameter: ast.arg) -> bool:
        """Whether a framework fills a parameter with something of the program's own."""
        text = ast.unparse(default) if default is not None else ""
        text += ast.unparse(parameter.annotation) if parameter.annotation is not None else ""
        return bool(
            re.search(
                r"\b(?:Depends|Security|BackgroundTasks|Session|AsyncSession|Response|Settings|Context|pass_context|Literal)\b",
                text,
            )
        )

    def _injected(
        self, default: ast.expr | None, parameter: ast.arg, handler: Handler, info: FunctionInfo
    ) -> Value:
        """What FastAPI makes for a parameter with ``Depends(make)``: what the program's own function or class gives."""
        asked = next(
            (
                node
                for part in (default, parameter.annotation)
                if part is not None
                for node in ast.walk(part)
                if isinstance(node, ast.Call)
                and ast.unparse(node.func).rpartition(".")[2] in ("Depends", "Security")
            ),
            None,
        )
        if asked is None:
            return UNKNOWN
        maker = asked.args[0] if asked.args else _first_type(parameter.annotation)
        if maker is None:
            return UNKNOWN
        made = []
        for ref in self.in_module(info.module, maker).refs:
            if type(ref) is FunctionRef and not _is_generator(ref.info.node):
                # Its own parameters come with the request, as those of the handler do.
                made.append(self.call_function(ref, *self.outside(ref, handler), parameter))
            elif type(ref) is ClassRef:
                init = self.find_method(ref.info, "__init__")
                bound = FunctionRef(init, 0, UNKNOWN) if init is not None else None
                given = self.outside(bound, handler) if bound is not None else ([], {})
                made.append(self.instance(ref.info, *given, parameter))
        return join_all(made) if made else UNKNOWN

    def _is_enumeration(self, parameter: ast.arg, info: FunctionInfo) -> bool:
        if parameter.annotation is None:
            return False
        definition = info.module.module.definition(parameter.annotation)
        return isinstance(definition, ast.ClassDef) and any(
            "Enum" in ast.unparse(base) for base in definition.bases
        )


def _first_type(annotation: ast.expr | None) -> ast.expr | None:
    """The type that an annotation names: the first of ``Annotated[Type, ...]``."""
    if isinstance(annotation, ast.Subscript):
        inner = annotation.slice
        return inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner
    return annotation


def _is_generator(node: ast.AST) -> bool:
    return any(isinstance(each, ast.Yield | ast.YieldFrom) for each in ast.walk(node))
