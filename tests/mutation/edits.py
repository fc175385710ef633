"""The wrong edits that can be made to a source text, each at one place of its syntax tree.

Left out is what no test should hold: docstrings, annotations, ``__all__``, assertions for mypy, the
text of errors; and edits that change nothing by construction, such as another keyword in a
``raise`` or ``stable`` sorting.
"""

from __future__ import annotations

import ast
import copy
import random
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Edit", "drawn", "edits_of"]

FLIPPED: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
SWAPPED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
OTHER_CALL: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}
EITHER_WAY: Final = frozenset(
    ["array_equal", "clip", "gcd", "isclose", "max", "maximum", "min", "minimum", "shares_memory"]
)
"""Functions that do not mind in which order their first two arguments come."""
NOTHING_CHANGES: Final = frozenset(["dtype", "encoding", "kind", "strict"])
"""Keywords whose loss changes nothing here: the default is the same, or it is a safeguard."""
TYPE_CALLS: Final = frozenset(["NewType", "ParamSpec", "TypeVar", "cast", "isinstance"])


@dataclass(frozen=True)
class Edit:
    """One wrong edit: the text between two offsets of a source is replaced.

    Attributes:
        module: the path of the file, relative to the root.
        where: the function and class around it.
        kind: what kind of edit it is.
        start: where the old text begins, in characters.
        old: the old text.
        new: the new text.
        line: the number of its first line.
        text: that line.

    >>> edit = Edit("a.py", "f", "comparison", 3, "x < 1", "x <= 1", 1, "if x < 1:")
    >>> edit.applied_to("if x < 1:")
    'if x <= 1:'
    >>> edit.change
    'x < 1 -> x <= 1'
    """

    module: str
    where: str
    kind: str
    start: int
    old: str
    new: str
    line: int
    text: str

    @property
    def change(self) -> str:
        """The edit in one line."""
        return f"{' '.join(self.old.split())} -> {self.new}"

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What stays when lines move: the module, the function, the line's text, the change."""
        return self.module, self.where, self.text.strip(), self.change

    def applied_to(self, source: str) -> str:
        """The source with this edit."""
        return source[: self.start] + self.new + source[self.start + len(self.old) :]


def edits_of(source: str, module: str) -> list[Edit]:
    """Every edit of a source text, in the order of its lines.

    >>> [edit.change for edit in edits_of("def f(x): return x < 1", "a.py")]
    ['return x < 1 -> return None', 'x < 1 -> x <= 1', 'x < 1 -> x > 1', '1 -> 2', '1 -> -1']
    """
    finder = _Finder(source, module)
    finder.visit(ast.parse(source))
    return sorted(finder.found, key=lambda edit: edit.start)


def drawn(edits: list[Edit], count: int, seed: str) -> list[Edit]:
    """Some of the edits, at random, as many of each kind as there are.

    Only one is taken from any two that replace the same text.
    """
    rng = random.Random(seed)
    by_kind: dict[str, list[Edit]] = {}
    for edit in edits:
        by_kind.setdefault(edit.kind, []).append(edit)
    for of_kind in by_kind.values():
        rng.shuffle(of_kind)
    taken: list[Edit] = []
    places = set()
    while by_kind and len(taken) < count:
        kinds = sorted(by_kind)
        rng.shuffle(kinds)
        for kind in kinds:
            edit = by_kind[kind].pop()
            if not by_kind[kind]:
                del by_kind[kind]
            if (edit.module, edit.start, edit.old) not in places and len(taken) < count:
                places.add((edit.module, edit.start, edit.old))
                taken.append(edit)
    return taken


class _Finder(ast.NodeVisitor):
    """Walks a syntax tree and writes down the edits."""

    def __init__(self, source: str, module: str) -> None:
        self.found: list[Edit] = []
        self._source = source
        self._module = module
        self._lines = source.splitlines(keepends=True)
        self._line_starts = [0]
        for line in self._lines:
            self._line_starts.append(self._line_starts[-1] + len(line))
        self._names: list[str] = []

    # Writing down

    def _offset(self, line: int, column: int) -> int:
        text = self._lines[line - 1].encode()[:column].decode()
        return self._line_starts[line - 1] + len(text)

    def _add(self, kind: str, node: Any, new: str) -> None:
        start = self._offset(node.lineno, node.col_offset)
        end = self._offset(node.end_lineno, node.end_col_offset)
        old = self._source[start:end]
        where = ".".join(self._names)
        text = self._lines[node.lineno - 1].rstrip("\n")
        self.found.append(Edit(self._module, where, kind, start, old, new, node.lineno, text))

    def _replace(self, kind: str, node: ast.expr, new: ast.expr) -> None:
        text = ast.unparse(new)
        start = self._offset(node.lineno, node.col_offset)
        end = self._offset(node.end_lineno or 0, node.end_col_offset or 0)
        is_whole = self._source[:start].rstrip(" ").endswith(("return", "=", "if", "elif", "("))
        ends = self._source[end : end + 1] in {"", "\n", ":", ")"}
        if not (is_whole and ends) and not isinstance(new, ast.Name | ast.Constant | ast.Call):
            text = f"({text})"
        self._add(kind, node, text)

    def _changed(self, node: ast.expr, **fields: Any) -> ast.expr:
        changed = copy.copy(node)
        for name, value in fields.items():
            setattr(changed, name, value)
        return changed

    # What is left out

    def visit_Module(self, node: ast.Module) -> None:
        for statement in node.body:
            if isinstance(statement, ast.Assign | ast.AnnAssign):
                targets = statement.targets if isinstance(statement, ast.Assign) else []
                names = [target.id for target in targets if isinstance(target, ast.Name)]
                if "__all__" in names or (statement.value and _is_type(statement.value)):
                    continue
            self.visit(statement)

    def visit_If(self, node: ast.If) -> None:
        if "TYPE_CHECKING" in ast.unparse(node.test) or "__name__" in ast.unparse(node.test):
            return
        if not isinstance(node.test, ast.Constant):
            self._add("guard", node.test, "False")
            self._add("condition", node.test, "True")
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._add("statement", node, "pass")

    def visit_Assert(self, node: ast.Assert) -> None:
        pass

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        pass

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if any("overload" in ast.unparse(decorator) for decorator in node.decorator_list):
            return
        self._names.append(node.name)
        for default in [*node.args.defaults, *[d for d in node.args.kw_defaults if d]]:
            self.visit(default)
        for statement in node.body:
            self.visit(statement)
        self._names.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._names.append(node.name)
        for statement in node.body:
            self.visit(statement)
        self._names.pop()

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value:
            self.visit(node.value)

    def visit_arg(self, node: ast.arg) -> None:
        pass

    # Statements

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            return
        if isinstance(node.value, ast.Call):
            self._add("statement", node, "pass")
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if all(isinstance(target, ast.Attribute | ast.Subscript) for target in node.targets):
            self._add("statement", node, "pass")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._add("statement", node, "pass")
        if type(node.op) in SWAPPED:
            swapped = copy.copy(node)
            swapped.op = SWAPPED[type(node.op)]()
            self._add("arithmetic", node, ast.unparse(swapped))
        self.generic_visit(node)

    def visit_Delete(self, node: ast.Delete) -> None:
        self._add("statement", node, "pass")

    def visit_Continue(self, node: ast.Continue) -> None:
        self._add("jump", node, "break")
        self._add("jump", node, "pass")

    def visit_Break(self, node: ast.Break) -> None:
        self._add("jump", node, "pass")

    def visit_Return(self, node: ast.Return) -> None:
        value = node.value
        if value is None:
            self._add("jump", node, "pass")
            return
        if not (isinstance(value, ast.Constant) and value.value is None):
            self._add("return", node, "return None")
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        if not isinstance(node.test, ast.Constant):
            self._add("condition", node.test, "False")
        self.generic_visit(node)

    # Expressions

    def _condition(self, test: ast.expr) -> None:
        if not isinstance(test, ast.Constant):
            self._add("condition", test, "True")
            self._add("condition", test, "False")

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._condition(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self._add("condition", test, "True")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        other = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
        self._replace("logic", node, self._changed(node, op=other))
        for number in range(len(node.values)):
            rest = node.values[:number] + node.values[number + 1 :]
            fewer = rest[0] if len(rest) == 1 else self._changed(node, values=rest)
            self._replace("logic", node, fewer)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not | ast.USub | ast.Invert):
            kind = "logic" if isinstance(node.op, ast.Not) else "arithmetic"
            self._replace(kind, node, node.operand)
        if not isinstance(node.operand, ast.Constant):
            self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        for number, op in enumerate(node.ops):
            for flipped in FLIPPED[type(op)]:
                ops = [*node.ops[:number], flipped(), *node.ops[number + 1 :]]
                self._replace("comparison", node, self._changed(node, ops=ops))
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        is_text = any(
            isinstance(side, ast.JoinedStr)
            or (isinstance(side, ast.Constant) and isinstance(side.value, str))
            for side in (node.left, node.right)
        )
        if type(node.op) in SWAPPED and not is_text:
            op = SWAPPED[type(node.op)]()
            self._replace("arithmetic", node, self._changed(node, op=op))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self._add("constant", node, str(not value))
        elif isinstance(value, int):
            self._add("constant", node, str(value + 1))
            self._add("constant", node, "-1" if value in {0, 1} else str(value - 1))
        elif isinstance(value, float):
            self._add("constant", node, repr(2.0 * value or 1.0))
            if value:
                self._add("constant", node, f"(-{value!r})")

    def visit_Slice(self, node: ast.Slice) -> None:
        for part in ("lower", "upper", "step"):
            if getattr(node, part) is not None:
                text = ast.unparse(self._changed(node, **{part: None}))
                self._add("slice", node, text)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = ast.unparse(node.func).rpartition(".")[2]
        if name.endswith(("Error", "Warning")) or name == "warn":
            return
        if name not in TYPE_CALLS:
            self._change_arguments(node)
        if isinstance(node.func, ast.Name) and name in OTHER_CALL:
            self._add("call", node.func, OTHER_CALL[name])
        if name == "isinstance":
            self.visit(node.args[0])
        else:
            self.generic_visit(node)

    def _change_arguments(self, node: ast.Call) -> None:
        args = node.args
        has_star = any(isinstance(arg, ast.Starred) for arg in args)
        either_way = ast.unparse(node.func).rpartition(".")[2] in EITHER_WAY
        if len(args) >= 2 and not has_star and not either_way:
            swapped = [args[1], args[0], *args[2:]]
            self._replace("argument", node, self._changed(node, args=swapped))
        for number, keyword in enumerate(node.keywords):
            if keyword.arg is not None and keyword.arg not in NOTHING_CHANGES:
                rest = node.keywords[:number] + node.keywords[number + 1 :]
                self._replace("argument", node, self._changed(node, keywords=rest))
        if len(args) >= 2 and not has_star:
            self._replace("argument", node, self._changed(node, args=args[:-1]))


def _is_type(value: ast.expr) -> bool:
    """Whether an assignment at the top of a module names a type: ``Floats = NDArray[float64]``."""
    allowed = (ast.Name, ast.Attribute, ast.Subscript, ast.BinOp, ast.BitOr, ast.Tuple, ast.Load)
    allowed_too = (ast.Constant, ast.List)
    return isinstance(value, ast.BinOp | ast.Subscript) and all(
        isinstance(node, (*allowed, *allowed_too)) for node in ast.walk(value)
    )
