"""Symbols of every language that has a grammar, of files with mistakes, and of files without one."""

from __future__ import annotations

import pytest

from sleeptime.swe.outline import MAX_CHARS, Symbol, outline

FILES = {
    "a.py": (
        "class A:\n    def f(self):\n        pass\n\nLIMIT = 3\n",
        "class A 1-3, function f 2-3, variable LIMIT 5-5",
    ),
    "a.js": ("class A { f() {} }\nconst g = () => 1\n", "class A 1-1, method f 1-1, function g 2-2"),
    "a.ts": ("interface I { f(): void }\nenum E { A }\n", "interface I 1-1, method f 1-1, enum E 2-2"),
    "a.tsx": ("export function App() {\n  return <p/>\n}\n", "function App 1-3"),
    "a.go": ("package a\ntype T struct{}\nfunc (t *T) M() {}\n", "type T 2-2, method M 3-3"),
    "a.rs": ("struct S;\nimpl S {\n    fn m(&self) {}\n}\n", "struct S 1-1, function m 3-3"),
    "A.java": ("class A {\n  A() {}\n  void m() {}\n}\n", "class A 1-4, method A 2-2, method m 3-3"),
    "a.c": ("struct s { int a; };\nstatic int *f(int a) {\n  return 0;\n}\n", "struct s 1-1, function f 2-4"),
    "a.cpp": ("class A { int k(); };\nint A::k() { return 1; }\n", "class A 1-1, method k 1-1, function k 2-2"),
}


def _told(symbols: tuple[Symbol, ...]) -> str:
    return ", ".join(f"{symbol.kind} {symbol.name} {symbol.first}-{symbol.last}" for symbol in symbols)


@pytest.mark.parametrize("path", FILES)
def test_the_symbols_of_a_language_have_kind_name_and_lines(path: str) -> None:
    text, expected = FILES[path]
    found = outline(path, text)
    assert (_told(found.symbols), found.is_partial, found.remark) == (expected, False, "")


def test_a_file_with_a_mistake_still_gives_what_stands_around_it() -> None:
    found = outline("a.py", "def first(): pass\ndef broken(:\n    )(\ndef last(): pass\n")
    assert found.is_partial
    assert {"first", "last"} <= {symbol.name for symbol in found.symbols}


def test_a_language_without_a_grammar_has_no_symbols_and_says_so() -> None:
    found = outline("notes.md", "# Title")
    assert (found.language, found.symbols) == (None, ())
    assert ".md" in found.remark
    assert "python" in found.remark


def test_a_file_of_no_human_size_is_not_read() -> None:
    found = outline("a.py", "x = 1\n" * (MAX_CHARS // 6 + 1))
    assert (found.symbols, found.language) == ((), "python")
    assert "no outline" in found.remark


def test_text_that_is_not_quite_unicode_is_read() -> None:
    assert _told(outline("a.py", "s = '\ud800'\ndef f(): pass\n").symbols) == "variable s 1-1, function f 2-2"
