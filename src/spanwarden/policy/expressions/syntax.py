"""The subset of Python that conditions are written in: parsed, limited in size and depth, held against a whitelist.

Nothing of the text is ever run. What passes here is still only a tree, of which `generation` writes another one.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Iterator, Mapping
from typing import NoReturn

from spanwarden.policy.document import Field

MAX_TEXT = 4_000
"""Characters of one condition."""
MAX_NODES = 600
"""Nodes of one condition as written; macros count on their own."""
MAX_DEPTH = 40
MAX_LITERAL = 2_000
MAX_LOOPS = 3
"""Loops (comprehensions and lambdas) inside one another."""

FROM = "fr0m"
"""Stands for the bound name `from`, which Python keeps for itself; as long, so that columns stay right."""

_ALLOWED: tuple[type[ast.AST], ...] = (
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd, ast.BinOp, ast.Add, ast.Sub,
    ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In,
    ast.NotIn, ast.Is, ast.IsNot, ast.Call, ast.keyword, ast.Name, ast.Load, ast.Store, ast.Constant, ast.Subscript,
    ast.Slice, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.IfExp, ast.Lambda, ast.arguments, ast.arg, ast.GeneratorExp,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.comprehension, ast.Attribute, ast.JoinedStr, ast.FormattedValue,
    ast.NamedExpr,
)  # fmt: skip
_NAMES: Mapping[type[ast.AST], str] = {
    ast.Pow: "'**'",
    ast.Await: "'await'",
    ast.Yield: "'yield'",
    ast.YieldFrom: "'yield'",
    ast.Starred: "'*'",
    ast.MatMult: "'@'",
    ast.LShift: "'<<'",
    ast.RShift: "'>>'",
    ast.BitAnd: "'&' (write 'and')",
    ast.BitOr: "'|' (write 'or')",
    ast.BitXor: "'^'",
    ast.Invert: "'~'",
}
_CONSTANTS = (str, bool, int, float, type(None))
_MAX_INTEGER_BITS = 64


def parse(field: Field, text: str, *, rename_from: bool = False) -> ast.expr:
    """Return the tree of a condition. Raises PolicyError, with line and column, for anything beyond the subset."""
    if len(text) > MAX_TEXT:
        field.fail(f"longer than {MAX_TEXT} characters")
    text = text.strip()
    if not text:
        field.fail("must not be empty")
    if _brackets(text) > MAX_DEPTH:
        field.fail(f"nested deeper than {MAX_DEPTH} levels")
    tree = _tree(field, _without_from(text) if rename_from else text)
    _check(field, tree)
    return tree


def refuse(field: Field, node: ast.AST, message: str) -> NoReturn:
    """Raise PolicyError for a place in a condition."""
    line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
    place = f"line {line}, column {column + 1}" if line > 1 else f"column {column + 1}"
    field.fail(f"{message} ({place})")


def _tree(field: Field, text: str) -> ast.expr:
    """Parse a condition; one of several lines in brackets, inside of which lines may be broken anywhere."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of odd escapes in literals
            if "\n" not in text:
                return ast.parse(text, mode="eval").body
            if _closes_early(f"({text}\n)"):
                field.fail("not a condition: a bracket is closed that was not opened")
            tree = ast.parse(f"({text}\n)", mode="eval").body
        for node in ast.walk(tree):
            if getattr(node, "lineno", 0) == 1:
                node.col_offset -= 1  # type: ignore[attr-defined]
        return tree
    except SyntaxError as error:
        place = f" (column {error.offset})" if error.offset else ""
        field.fail(f"not a condition: {error.msg}{place}")
    except (ValueError, RecursionError, MemoryError):
        field.fail("not a condition: it cannot be parsed")


def _check(field: Field, tree: ast.expr) -> None:
    for count, (node, depth) in enumerate(_walk(tree), 1):
        if count > MAX_NODES:
            field.fail(f"more than {MAX_NODES} parts")
        if depth > MAX_DEPTH:
            field.fail(f"nested deeper than {MAX_DEPTH} levels")
        if not isinstance(node, _ALLOWED):
            refuse(field, node, f"{_NAMES.get(type(node), type(node).__name__)} is not part of conditions")
        if isinstance(node, ast.Constant):
            _check_constant(field, node)
        elif isinstance(node, ast.Lambda):
            _check_lambda(field, node)
        elif isinstance(node, ast.comprehension) and node.is_async:
            refuse(field, node.target, "'async' is not part of conditions")
        elif (
            isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) and len(node.generators) > 2
        ):
            refuse(field, node, "more than two 'for' in one comprehension")
        elif isinstance(node, ast.Dict) and None in node.keys:
            refuse(field, node, "'**' is not part of conditions")


def _check_constant(field: Field, node: ast.Constant) -> None:
    value = node.value
    if not isinstance(value, _CONSTANTS):
        refuse(field, node, f"a literal of type {type(value).__name__} is not part of conditions")
    if isinstance(value, str) and len(value) > MAX_LITERAL:
        refuse(field, node, f"a literal longer than {MAX_LITERAL} characters")
    if isinstance(value, int) and value.bit_length() > _MAX_INTEGER_BITS:
        refuse(field, node, f"a number of more than {_MAX_INTEGER_BITS} bits")


def _check_lambda(field: Field, node: ast.Lambda) -> None:
    given = node.args
    plain = not (given.posonlyargs or given.vararg or given.kwonlyargs or given.kwarg or given.defaults)
    if not plain or len(given.args) != 1:
        refuse(field, node, "a lambda takes exactly one name")


def _walk(tree: ast.expr) -> Iterator[tuple[ast.AST, int]]:
    pending: list[tuple[ast.AST, int]] = [(tree, 1)]
    while pending:
        node, depth = pending.pop()
        yield node, depth
        pending.extend((child, depth + 1) for child in ast.iter_child_nodes(node))


def _brackets(text: str) -> int:
    """Return how deeply brackets nest, those inside of literals included: more than there are never hurts."""
    deepest = depth = 0
    for mark in re.findall(r"[\[\](){}]", text):
        depth = depth + 1 if mark in "([{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest


def _closes_early(text: str) -> bool:
    """Tell whether the bracket that a text begins with is closed before its end."""
    depth = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if depth == 0 and token.start != (1, 0) and token.type == tokenize.OP:
                return True
            if token.type == tokenize.OP:
                depth += (token.string in "([{") - (token.string in ")]}")
    except tokenize.TokenError:
        return False  # which the parser finds, too
    return False


def _without_from(text: str) -> str:
    """Return the text with every name `from` spelled so that Python takes it for a name."""
    if "from" not in text:
        return text
    lines = text.splitlines(keepends=True)
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NAME and token.string == "from":
                row, column = token.start
                line = lines[row - 1]
                lines[row - 1] = line[:column] + FROM + line[column + len(FROM) :]
    except (tokenize.TokenError, SyntaxError):
        return text
    return "".join(lines)
