"""What the text of an exported program may say.

Loading a ``.pt2`` turns text of the file into code: operator names are looked up as
attributes beneath ``torch``, size expressions are evaluated, names become identifiers of a
generated function. Each kind of text is therefore held to the few forms that exporting
writes; what has another form is refused before PyTorch sees it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from runtime.errors import ModelError

IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
DOTTED = re.compile(r"[\w.\-]+", re.ASCII)
OPERATOR = re.compile(r"torch\.ops\.(\w+)\.(\w+)(?:\.(\w+))?", re.ASCII)
SIZE_OPERATOR = re.compile(r"torch\._?sym_[a-z_]+|math\.[a-z0-9_]+", re.ASCII)

NAMESPACES = frozenset(
    {"aten", "prims", "quantized", "quantized_decomposed", "torchvision"}
)
HIGHER_ORDER = frozenset(
    {"cond", "while_loop", "map_impl", "scan", "associative_scan", "out_dtype",
     "wrap_with_set_grad_enabled", "wrap_with_autocast"}
)  # fmt: skip
TOUCHES_FILES = frozenset({"from_file", "save", "load", "_save", "_load"})
PYTHON_OPERATORS = frozenset(
    {"abs", "add", "and_", "eq", "floordiv", "ge", "getitem", "gt", "le", "lshift", "lt",
     "mod", "mul", "ne", "neg", "not_", "or_", "pos", "pow", "rshift", "sub", "truediv",
     "xor"}
)  # fmt: skip
DOUBLE_UNDERSCORED = re.compile(r"__i?(and|or|xor|lshift|rshift)__")

EXPRESSION_CALLS = frozenset(
    {"Symbol", "Integer", "Float", "Rational", "Add", "Mul", "Pow", "Max", "Min", "Mod",
     "PythonMod", "FloorDiv", "CleanDiv", "CeilDiv", "CeilToInt", "FloorToInt", "Where",
     "ModularIndexing", "Eq", "Ne", "Lt", "Le", "Gt", "Ge", "And", "Or", "Not", "Abs",
     "StrictLessThan", "StrictGreaterThan", "LessThan",
     "GreaterThan", "TruncToInt", "TruncToFloat", "IntTrueDiv", "FloatTrueDiv", "ToFloat",
     "RoundToInt", "PowByNatural", "FloatPow", "LShift", "RShift", "Identity"}
)  # fmt: skip
GUARD_CALLS = {"max": max, "min": min, "abs": abs}
GUARD_METHODS = frozenset({"size", "stride", "storage_offset", "dim", "numel"})

PLAIN = (
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.BinOp,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Compare, ast.Eq,
    ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Load, ast.Name, ast.Constant,
)  # fmt: skip
MOST_TEXT = 4000
"""Characters of one expression; Python's parser is recursive."""


def parse(text: object, what: str) -> ast.Expression:
    """Return an expression's tree; raises ModelError for what is none."""
    if not isinstance(text, str) or len(text) > MOST_TEXT:
        raise ModelError(f"its {what} is not a short text")
    try:
        return ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ModelError(f"its {what} {text[:60]!r} is no expression") from error


def refuse_expression(text: object) -> None:
    """Raise ModelError unless text is arithmetic on size symbols.

    SymPy evaluates such text as Python, and text within it once more.
    """
    tree = parse(text, "size expression")
    names: set[ast.expr] = set()
    for node in ast.walk(tree):
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if isinstance(node, ast.Call) and is_call:
            called = node.func
            assert isinstance(called, ast.Name), "checked above"
            if called.id not in EXPRESSION_CALLS:
                raise ModelError(f"its size expression calls {called.id}")
            if called.id == "Symbol":
                names.update(node.args[:1])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node not in names or not IDENTIFIER.fullmatch(node.value):
                raise ModelError(f"its size expression holds the text {node.value[:60]!r}")
        elif not isinstance(node, (*PLAIN, ast.Pow, ast.keyword)):
            raise ModelError(f"its size expression {str(text)[:60]!r} is not arithmetic")


def parse_guard(text: object) -> ast.Expression:
    """Return a guard's tree; raises ModelError unless it only compares sizes of inputs."""
    tree = parse(text, "guard")
    for node in ast.walk(tree):
        is_fine = isinstance(node, PLAIN)
        if isinstance(node, ast.Name):
            is_fine = node.id == "L" or node.id in GUARD_CALLS
        elif isinstance(node, ast.Subscript):
            is_fine = True
        elif isinstance(node, ast.Call):
            is_fine = isinstance(node.func, (ast.Attribute, ast.Name)) and not node.keywords
        elif isinstance(node, ast.Attribute):
            is_fine = node.attr in GUARD_METHODS
        if not is_fine:
            raise ModelError(
                f"its guard {str(text)[:60]!r} does more than compare sizes; export the "
                "model with sizes that do not depend on values"
            )
    return tree


def refuse_operator(target: object) -> None:
    """Raise ModelError unless text names an operator that only computes."""
    if not isinstance(target, str):
        raise ModelError("one of its operators has no name")
    if SIZE_OPERATOR.fullmatch(target):
        return
    module, _, name = target.rpartition(".")
    if module == "_operator" and name in PYTHON_OPERATORS:
        return
    parts = OPERATOR.fullmatch(target)
    if parts is None or not is_computing(parts[1], parts[2], parts[3] or "default"):
        raise ModelError(
            f"its operator {target[:80]!r} is not one that is known to only compute; serve "
            "the model as a module with safetensors, or as ONNX"
        )


def is_computing(namespace: str, name: str, overload: str) -> bool:
    """Whether an operator of PyTorch computes, and touches neither files nor Python."""
    if namespace == "higher_order":
        return name in HIGHER_ORDER and overload == "default"
    if namespace not in NAMESPACES or overload.startswith("_"):
        return False
    if name.startswith("__"):
        return DOUBLE_UNDERSCORED.fullmatch(name) is not None
    return name not in TOUCHES_FILES


def refuse_name(name: object, pattern: re.Pattern[str] = IDENTIFIER) -> None:
    """Raise ModelError unless text is a name; none at all is one, too."""
    if name is None:
        return
    if not isinstance(name, str) or (name and not pattern.fullmatch(name)):
        raise ModelError(f"{str(name)[:60]!r} stands where it should have a name")


def entries(value: object) -> Iterator[tuple[str, Any]]:
    """Yield every key and value of nested JSON, outermost first, without recursion."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Mapping):
            yield from item.items()
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
