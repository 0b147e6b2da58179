"""Outline: the symbols that a source file defines, each with its kind, name and lines.

Read with tree-sitter, so a file with a mistake in it still gives what stands before and after. A language without a
grammar here has no symbols, and its outline says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from posixpath import splitext
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tree_sitter import Node, Parser, Query

MAX_CHARS: Final = 1_000_000
"""Longer files are made by programs; they have no outline."""

_SUFFIXES: Final = {
    "c": "c h",
    "cpp": "cc cpp cxx hh hpp hxx ipp",
    "go": "go",
    "java": "java",
    "javascript": "cjs js jsx mjs",
    "python": "py pyi",
    "rust": "rs",
    "tsx": "tsx",
    "typescript": "cts mts ts",
}
LANGUAGES: Final = {f".{suffix}": name for name, suffixes in _SUFFIXES.items() for suffix in suffixes.split()}
"""The language of each suffix that has a grammar."""

_JAVASCRIPT: Final = """
(class_declaration name: (_) @name) @class
(function_declaration name: (_) @name) @function
(generator_function_declaration name: (_) @name) @function
(method_definition name: (_) @name) @method
(variable_declarator name: (identifier) @name value: [(arrow_function) (function_expression)]) @function
(assignment_expression
  left: (member_expression property: (property_identifier) @name)
  right: [(arrow_function) (function_expression)]) @function
(program (lexical_declaration (variable_declarator name: (identifier) @name) @variable))
(program (export_statement (lexical_declaration (variable_declarator name: (identifier) @name) @variable)))
"""
_TYPESCRIPT: Final = f"""{_JAVASCRIPT}
(abstract_class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @interface
(enum_declaration name: (_) @name) @enum
(type_alias_declaration name: (_) @name) @type
(function_signature name: (_) @name) @function
(method_signature name: (_) @name) @method
(abstract_method_signature name: (_) @name) @method
"""
_C: Final = """
(function_definition declarator: (_) @declarator) @function
(declaration declarator: (function_declarator declarator: (_) @name)) @function
(struct_specifier name: (type_identifier) @name body: (_)) @struct
(union_specifier name: (type_identifier) @name body: (_)) @union
(enum_specifier name: (type_identifier) @name body: (_)) @enum
(type_definition declarator: (type_identifier) @name) @type
(preproc_function_def name: (_) @name) @macro
(preproc_def name: (_) @name) @macro
"""
_QUERIES: Final = {
    "c": _C,
    "cpp": f"""{_C}
(class_specifier name: (_) @name body: (_)) @class
(namespace_definition name: (_) @name) @namespace
(field_declaration declarator: (function_declarator declarator: (field_identifier) @name)) @method
(alias_declaration name: (_) @name) @type
""",
    "go": """
(function_declaration name: (_) @name) @function
(method_declaration name: (_) @name) @method
(type_spec name: (_) @name) @type
(source_file (const_declaration (const_spec name: (identifier) @name) @constant))
(source_file (var_declaration (var_spec name: (identifier) @name) @variable))
""",
    "java": """
(class_declaration name: (_) @name) @class
(record_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @interface
(annotation_type_declaration name: (_) @name) @interface
(enum_declaration name: (_) @name) @enum
(method_declaration name: (_) @name) @method
(constructor_declaration name: (_) @name) @method
(field_declaration declarator: (variable_declarator name: (_) @name)) @variable
""",
    "javascript": _JAVASCRIPT,
    "python": """
(class_definition name: (_) @name) @class
(function_definition name: (_) @name) @function
(module (expression_statement (assignment left: (identifier) @name) @variable))
""",
    "rust": """
(function_item name: (_) @name) @function
(function_signature_item name: (_) @name) @function
(struct_item name: (_) @name) @struct
(enum_item name: (_) @name) @enum
(union_item name: (_) @name) @union
(trait_item name: (_) @name) @trait
(type_item name: (_) @name) @type
(mod_item name: (_) @name) @module
(const_item name: (_) @name) @constant
(static_item name: (_) @name) @constant
(macro_definition name: (_) @name) @macro
""",
    "tsx": _TYPESCRIPT,
    "typescript": _TYPESCRIPT,
}


@dataclass(frozen=True, slots=True)
class Symbol:
    """Something that a file defines.

    Args:
        kind: as the language calls it: class, function, method, struct, type...
        name: as it is written.
        first: its first line, from 1.
        last: its last line.
    """

    kind: str
    name: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Outline:
    """The symbols of one file.

    Args:
        language: of the file; None when there is no grammar for it.
        symbols: by line.
        is_partial: the file holds mistakes, and symbols in them may lack.
        remark: why there are no symbols, for a reader; "" otherwise.
    """

    language: str | None
    symbols: tuple[Symbol, ...] = ()
    is_partial: bool = False
    remark: str = ""


def language_of(path: str) -> str | None:
    """The language that a path's suffix stands for; None when it has no grammar here."""
    return LANGUAGES.get(splitext(path)[1].lower())


def outline(path: str, text: str) -> Outline:
    """The symbols of a file.

    Args:
        path: its suffix says the language.
        text: of the file.

    Raises:
        InputError: the extra ``swe`` is not installed.
    """
    language = language_of(path)
    if language is None:
        known = ", ".join(sorted(_SUFFIXES))
        suffix = splitext(path)[1] or "without a suffix"
        return Outline(None, remark=f"no outline of files {suffix}; there are outlines of {known}")
    if len(text) > MAX_CHARS:
        return Outline(language, remark=f"no outline: the file has more than {MAX_CHARS:,} characters")
    from tree_sitter import QueryCursor

    parser, query = _grammar(language)
    root = parser.parse(text.encode("utf-8", "surrogatepass")).root_node
    found = (_symbol(captured) for _, captured in QueryCursor(query).matches(root))
    symbols = {symbol for symbol in found if symbol is not None}
    functions = {(symbol.first, symbol.name) for symbol in symbols if symbol.kind == "function"}
    ordered = sorted(
        (symbol for symbol in symbols if symbol.kind != "variable" or (symbol.first, symbol.name) not in functions),
        key=lambda symbol: (symbol.first, -symbol.last, symbol.kind, symbol.name),
    )
    return Outline(language, tuple(ordered), root.has_error)


def _symbol(captured: dict[str, list[Node]]) -> Symbol | None:
    """The symbol of one match: its kind is the name of the capture around it."""
    names = captured.pop("name", None) or _declared(captured.pop("declarator", []))
    if not names or names[0].text is None:
        return None
    ((kind, (node, *_)),) = captured.items()
    name = names[0].text.decode("utf-8", "replace")
    return Symbol(kind, name, node.start_point[0] + 1, node.end_point[0] + 1)


def _declared(declarators: list[Node]) -> list[Node]:
    """The name inside the declarator of a C function, below its pointers and parameters."""
    if not declarators:
        return []
    node: Node | None = declarators[0]
    while node is not None and (inner := node.child_by_field_name("declarator")) is not None:
        node = inner
    while node is not None and (inner := node.child_by_field_name("name")) is not None:
        node = inner
    return [] if node is None else [node]


@cache
def _grammar(language: str) -> tuple[Parser, Query]:
    from sleeptime.swe.extra import need_extra

    need_extra()
    from tree_sitter import Language, Parser, Query

    made = Language(_pointer(language)())
    return Parser(made), Query(made, _QUERIES[language])


def _pointer(language: str) -> Callable[[], Any]:
    """What gives the grammar of a language, of the package that has it."""
    package = import_module(f"tree_sitter_{'typescript' if language == 'tsx' else language}")
    is_typescript = language in ("tsx", "typescript")
    pointer: Callable[[], Any] = getattr(package, f"language_{language}" if is_typescript else "language")
    return pointer
