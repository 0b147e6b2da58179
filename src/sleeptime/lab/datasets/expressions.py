"""Expressions of template files: parsed with `ast` and evaluated by our own walk over a short list of nodes.

Nothing of a file is ever executed. Numbers are exact; their size, the length of an expression, its nodes and the work
it takes are bounded, and whatever is not on the list is refused when the expression is read.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from sleeptime.core.errors import InputError

Number = int | Fraction


@dataclass(frozen=True, slots=True)
class Word:
    """A number that is written as a word, such as "half"."""

    text: str
    number: Number


Value = Number | bool | str | Word | Sequence["Value"]
Function = Callable[..., Value]

MAX_CHARS: Final = 1_000
MAX_NODES: Final = 250
MAX_BITS: Final = 128
"""Size of a numerator or a denominator; no template of a school book problem comes near."""
MAX_ITEMS: Final = 10_000
"""Items of a list."""
MAX_FUEL: Final = 3_000_000
"""Nodes that are evaluated for one instance of a template, with all its draws."""

_WALKING: Final = frozenset({"list", "max", "min", "sum"})
"""Functions that look at every item of a list."""
_MODULES: Final = {"np": ("arange", "ceil", "floor", "round"), "math": ("ceil", "floor", "gcd")}
_ARITHMETIC: Final[dict[type[ast.operator], Callable[[Number, Number], Number]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_ORDER: Final[dict[type[ast.cmpop], Callable[[Number, Number], bool]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ALLOWED: Final = (
    *(ast.Constant, ast.Name, ast.Load, ast.List, ast.Tuple, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare),
    *(ast.IfExp, ast.Call, ast.Attribute, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow),
    *(ast.USub, ast.UAdd, ast.Not, ast.And, ast.Or, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE),
    *(ast.In, ast.NotIn),
)


class NoValue(Exception):
    """An expression has no value here: a division by zero, a number that is too large, a wrong kind of operand."""


class Fuel:
    """How much work is left; an instance that needs more is given up."""

    def __init__(self, nodes: int = MAX_FUEL) -> None:
        self.nodes = nodes

    def burn(self, nodes: int = 1) -> None:
        """Pay for nodes, or for as many items of a list.

        Raises:
            InputError: nothing is left.
        """
        self.nodes -= nodes
        if self.nodes < 0:
            raise InputError(
                f"evaluating it takes more than {MAX_FUEL:,} steps; make lists shorter or conditions wider"
            )


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that was read and found harmless.

    Args:
        text: as it was written.
        names: variables and lists that it reads.
    """

    text: str
    names: frozenset[str]
    _body: ast.expr

    def value(self, variables: Mapping[str, Value], functions: Mapping[str, Function], fuel: Fuel) -> Value:
        """Evaluate it.

        Raises:
            NoValue: it has no value for these variables.
            InputError: there is no fuel left.
        """
        return _Walk(variables, functions, fuel).visit(self._body)

    def equations(self) -> list[tuple[str, Expression]]:
        """What it says a name is equal to: both readings of ``a == b``, one of ``a == b + 1``, else none."""
        match self._body:
            case ast.Compare(left, [ast.Eq()], [right]):
                pairs = ((left, right), (right, left))
                return [(name.id, self._part(side)) for name, side in pairs if isinstance(name, ast.Name)]
        return []

    def _part(self, body: ast.expr) -> Expression:
        names = {node.id for node in ast.walk(body) if isinstance(node, ast.Name)}
        return Expression(ast.unparse(body), self.names & names, body)

    @property
    def function(self) -> str:
        """Name of the function that the whole expression is a call of, "" when it is none."""
        is_call = isinstance(self._body, ast.Call) and isinstance(self._body.func, ast.Name | ast.Attribute)
        return _function_name(self._body.func) if is_call and isinstance(self._body, ast.Call) else ""


def read_expression(text: str, functions: frozenset[str]) -> Expression:
    """Read an expression.

    Args:
        functions: names that can be called.

    Raises:
        InputError: it is not an expression, is too long, or holds anything but numbers, texts, names, lists,
            arithmetic, comparisons, and, or, not, if-else and calls of these functions.
    """
    shown = text.strip() if len(text) < 80 else f"{text.strip()[:77]}..."
    if len(text) > MAX_CHARS:
        raise InputError(f"the expression {shown!r} is longer than {MAX_CHARS:,} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            body = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise InputError(f"{shown!r} is not an expression: {reason}") from error
    nodes = list(ast.walk(body))
    if len(nodes) > MAX_NODES:
        raise InputError(f"the expression {shown!r} has more than {MAX_NODES} parts")
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    for node in nodes:
        _check(node, called, functions, shown)
    modules = [node.value for node in nodes if isinstance(node, ast.Attribute)]
    names = {node.id for node in nodes if isinstance(node, ast.Name) and node not in modules} - functions
    return Expression(text.strip(), frozenset(names), body)


def _check(node: ast.AST, called: Sequence[ast.expr], functions: frozenset[str], shown: str) -> None:
    if not isinstance(node, _ALLOWED):
        raise InputError(f"{type(node).__name__} is not allowed in the expression {shown!r}")
    if isinstance(node, ast.Constant):
        _constant(node.value, shown)
    if isinstance(node, ast.Attribute):
        module = node.value.id if isinstance(node.value, ast.Name) else ""
        if node.attr not in _MODULES.get(module, ()) or node not in called:
            raise InputError(f"the attribute .{node.attr} is not allowed in the expression {shown!r}")
    if isinstance(node, ast.Call):
        if node.keywords:
            raise InputError(f"named arguments are not allowed in the expression {shown!r}")
        if isinstance(node.func, ast.Name) and node.func.id not in functions:
            allowed = ", ".join(sorted(functions))
            raise InputError(f"the function {node.func.id!r} in {shown!r} is not known; allowed: {allowed}")
        if not isinstance(node.func, ast.Name | ast.Attribute):
            raise InputError(f"only functions are called by name, unlike in the expression {shown!r}")


def _constant(value: object, shown: str) -> Value:
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        try:
            return bounded(value if isinstance(value, int) else Fraction(repr(value)))
        except (ValueError, NoValue) as error:
            raise InputError(f"a number in the expression {shown!r} is too large") from error
    raise InputError(f"{type(value).__name__} is not allowed in the expression {shown!r}")


def bounded(number: Number) -> Number:
    """The number, as an int where it is whole.

    Raises:
        NoValue: it is larger than `MAX_BITS`.
    """
    if max(abs(number.numerator), number.denominator).bit_length() > MAX_BITS:
        raise NoValue("a number grows too large")
    return number.numerator if number.denominator == 1 else number


def as_number(value: Value) -> Number:
    """The number that a value is.

    Raises:
        NoValue: it is a text or a list.
    """
    if isinstance(value, Word):
        return value.number
    if isinstance(value, int | Fraction):
        return int(value) if isinstance(value, bool) else value
    raise NoValue(f"{value if isinstance(value, str) else 'a list'!r} is not a number")


class _Walk:
    """One evaluation."""

    def __init__(self, variables: Mapping[str, Value], functions: Mapping[str, Function], fuel: Fuel) -> None:
        self._variables = variables
        self._functions = functions
        self._fuel = fuel

    def visit(self, node: ast.expr) -> Value:
        self._fuel.burn()
        match node:
            case ast.Constant(value):
                return _constant(value, "")
            case ast.Name(name):
                if name not in self._variables:
                    raise NoValue(f"the name {name!r} has no value")
                return self._variables[name]
            case ast.List(items) | ast.Tuple(items):
                return tuple(self.visit(item) for item in items)
            case ast.BinOp(left, operation, right):
                return _combined(operation, as_number(self.visit(left)), as_number(self.visit(right)))
            case ast.UnaryOp(ast.Not(), operand):
                return not self.visit(operand)
            case ast.UnaryOp(operation, operand):
                number = as_number(self.visit(operand))
                return -number if isinstance(operation, ast.USub) else number
            case ast.BoolOp(operation, operands):
                combine = all if isinstance(operation, ast.And) else any
                return combine(bool(self.visit(operand)) for operand in operands)
            case ast.IfExp(test, body, orelse):
                return self.visit(body if self.visit(test) else orelse)
            case ast.Compare(left, operations, rights):
                return self._compared(left, operations, rights)
            case ast.Call(function, arguments):
                return self._called(function, arguments)
        raise NoValue(f"{type(node).__name__} has no value")

    def _compared(self, left: ast.expr, operations: Sequence[ast.cmpop], rights: Sequence[ast.expr]) -> bool:
        value = self.visit(left)
        for operation, right in zip(operations, rights, strict=True):
            other = self.visit(right)
            self._fuel.burn(len(other) if isinstance(other, tuple) else 1)
            if not _holds(operation, value, other):
                return False
            value = other
        return True

    def _called(self, function: ast.expr, arguments: Sequence[ast.expr]) -> Value:
        name = _function_name(function)
        values = [self.visit(argument) for argument in arguments]
        if name in _WALKING:
            self._fuel.burn(sum(min(len(value), MAX_ITEMS) for value in values if isinstance(value, Sequence)))
        try:
            return self._functions[name](*values)
        except (TypeError, ValueError, KeyError, IndexError, ArithmeticError) as error:
            raise NoValue(f"{name}(...) has no value: {error}") from error


def _function_name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else str(getattr(function, "attr", ""))


def _combined(operation: ast.operator, left: Number, right: Number) -> Number:
    if isinstance(operation, ast.Pow):
        return _power(left, right)
    try:
        if isinstance(operation, ast.Div):
            return bounded(Fraction(left) / Fraction(right))
        return bounded(_ARITHMETIC[type(operation)](left, right))
    except ZeroDivisionError as error:
        raise NoValue("a division by zero") from error


def _power(base: Number, exponent: Number) -> Number:
    bits = max(abs(base.numerator), base.denominator).bit_length()
    if not isinstance(exponent, int) or abs(exponent) * bits > 2 * MAX_BITS or (base == 0 and exponent < 0):
        raise NoValue("a power is too large or not whole")
    return bounded(Fraction(base) ** exponent)


def _holds(operation: ast.cmpop, left: Value, right: Value) -> bool:
    if isinstance(operation, ast.In | ast.NotIn):
        if isinstance(right, str) or not isinstance(right, Sequence):
            raise NoValue("'in' needs a list")
        is_in = any(_same(left, item) for item in right) if isinstance(right, tuple) else left in right
        return is_in is isinstance(operation, ast.In)
    if isinstance(operation, ast.Eq | ast.NotEq):
        return _same(left, right) is isinstance(operation, ast.Eq)
    return _ORDER[type(operation)](as_number(left), as_number(right))


def _same(left: Value, right: Value) -> bool:
    if isinstance(left, str) or isinstance(right, str):
        return (left.text if isinstance(left, Word) else left) == (right.text if isinstance(right, Word) else right)
    return as_number(left) == as_number(right)
