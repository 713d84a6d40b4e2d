"""Several migration files put into one: the functions as they are written, each with what it needs of its file.

A function that two files have gets the file's number behind its name; comments and layout stay.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vivace.orm.migrations.errors import MigrationError

_ENTRIES = ("upgrade", "downgrade")
# What the file that is put together says itself.
_RESERVED = {*_ENTRIES, "revision", "down_revision", "branch_labels", "depends_on", "replaces", "atomic"}
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True)
class Source:
    """The text of a file, the number that its functions may get, and the name that messages give it."""

    text: str
    number: str
    name: str


@dataclass(frozen=True)
class Combined:
    """Import lines, definitions, and the functions to call in `upgrade()`, in order, and in `downgrade()`.

    `downgrades` is None when one of the files cannot be undone.
    """

    imports: tuple[str, ...]
    definitions: tuple[str, ...]
    upgrades: tuple[str, ...]
    downgrades: tuple[str, ...] | None


def combine(sources: Sequence[Source]) -> Combined:
    """The parts of one file that does what `sources` do, one after the other.

    Raises MigrationError where two files import different things under one name.
    """
    files = [(source, _needed(source)) for source in sources]
    imports = _shared(files)
    taken = set(_RESERVED)
    taken |= {name for _, pieces in files for piece in pieces if not piece.is_definition for name in piece.names}
    definitions: list[str] = []
    upgrades: list[str] = []
    downgrades: list[str | None] = []
    for source, pieces in files:
        renamed: dict[str, str] = {}
        for name in sorted({name for piece in pieces if piece.is_definition for name in piece.names}):
            new = name if name not in taken else _free(f"{name}_{source.number}", taken)
            taken.add(new)
            if new != name:
                renamed[name] = new
        definitions += [piece.text_with(renamed) for piece in pieces if piece.is_definition]
        upgrades.append(renamed["upgrade"])
        downgrades.append(renamed.get("downgrade"))
    undone = [name for name in reversed(downgrades) if name is not None]
    return Combined(
        tuple(imports), tuple(definitions), tuple(upgrades), tuple(undone) if len(undone) == len(upgrades) else None
    )


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _shared(files: Iterable[tuple[Source, list[_Piece]]]) -> list[str]:
    """The imports (and other statements that define nothing of their own) of all files, each once."""
    texts: dict[str, None] = {}
    bound: dict[str, tuple[str, str]] = {}
    for source, pieces in files:
        for piece in pieces:
            if piece.is_definition:
                continue
            texts[piece.text] = None
            for name in piece.names:
                text, other = bound.setdefault(name, (piece.text, source.name))
                if text != piece.text:
                    raise MigrationError(
                        f'"{name}" is {text!r} in {other}, and {piece.text!r} in {source.name}, so they do not fit '
                        "into one file. Import one of them under another name."
                    )
    return sorted(texts, key=lambda text: (not text.startswith("from __future__"), text.startswith("from ")))


@dataclass(frozen=True)
class _Piece:
    """A statement at the top of a file, with the comments above it."""

    text: str
    first_line: int
    node: ast.stmt
    names: frozenset[str]

    @property
    def is_definition(self) -> bool:
        return isinstance(self.node, _DEFINITIONS)

    def text_with(self, renamed: Mapping[str, str]) -> str:
        """The text, where the names of the file that are keys of `renamed` are replaced."""
        lines = [line.encode() for line in self.text.split("\n")]
        found = sorted(_places(self.node, dict(renamed), lines, self.first_line), reverse=True)
        for line, column, old in found:
            text = lines[line - self.first_line]
            assert text[column:].startswith(old.encode()), (old, text)
            lines[line - self.first_line] = text[:column] + renamed[old].encode() + text[column + len(old.encode()) :]
        return b"\n".join(lines).decode()


def _needed(source: Source) -> list[_Piece]:
    """The statements that `upgrade` and `downgrade` need, in the order of the file."""
    pieces = list(_pieces(source.text))
    wanted = {name for name in _ENTRIES if any(name in piece.names for piece in pieces)}
    kept: list[_Piece] = []
    while True:
        more = [piece for piece in pieces if piece not in kept and (piece.names & wanted or "*" in piece.names)]
        if not more:
            return sorted(kept, key=lambda piece: piece.first_line)
        kept += more
        for piece in more:
            wanted |= {node.id for node in ast.walk(piece.node) if isinstance(node, ast.Name)}


def _pieces(text: str) -> Iterator[_Piece]:
    lines = text.split("\n")
    end = 0
    for node in ast.parse(text).body:
        first = min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", ()))])
        while first - 1 > end and lines[first - 2].startswith("#"):
            first -= 1
        assert node.end_lineno is not None
        end = node.end_lineno
        yield _Piece("\n".join(lines[first - 1 : end]), first, node, frozenset(_bound_by(node)))


def _bound_by(node: ast.stmt) -> Iterator[str]:
    """The names that a statement at the top of a file gives a value; "*" for those that nobody knows."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
        return
    for item in ast.walk(node):
        if isinstance(item, ast.ImportFrom) and item.module == "__future__":
            yield "*"
        elif isinstance(item, (ast.Import, ast.ImportFrom)):
            for alias in item.names:
                yield alias.asname or alias.name.partition(".")[0]
        elif isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store):
            yield item.id


def _places(
    node: ast.AST, renamed: dict[str, str], lines: Sequence[bytes], first_line: int
) -> Iterator[tuple[int, int, str]]:
    """Line, column and old name of each use of a renamed name; what a function has of its own is left alone."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        if node.name in renamed:
            text = lines[node.lineno - first_line]
            yield node.lineno, text.index(node.name.encode(), text.index(b" ", node.col_offset)), node.name
        # Evaluated outside of what they belong to.
        outside: list[ast.AST] = [*node.decorator_list]
        outside += [*node.bases, *node.keywords] if isinstance(node, ast.ClassDef) else [node.args]
        outside += [node.returns] if not isinstance(node, ast.ClassDef) and node.returns is not None else []
        for item in outside:
            yield from _places(item, renamed, lines, first_line)
        inside = {key: value for key, value in renamed.items() if key not in _own_names(node)}
        for item in node.body:
            yield from _places(item, inside, lines, first_line)
        return
    if isinstance(node, ast.Lambda):
        renamed = {key: value for key, value in renamed.items() if key not in _own_names(node)}
    if isinstance(node, ast.Name) and node.id in renamed:
        yield node.lineno, node.col_offset, node.id
    for child in ast.iter_child_nodes(node):
        yield from _places(child, renamed, lines, first_line)


def _own_names(node: ast.AST) -> set[str]:
    """The arguments and variables of a function or class."""
    names: set[str] = set()
    shared: set[str] = set()
    if isinstance(node, _FUNCTIONS):
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        names |= {argument.arg for argument in every if argument is not None}
    todo: list[ast.AST] = list(ast.iter_child_nodes(node))
    while todo:
        item = todo.pop()
        if isinstance(item, ast.Global):
            shared |= set(item.names)
        elif isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store):
            names.add(item.id)
        elif isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(item.name)
            continue
        if not isinstance(item, ast.Lambda):
            todo.extend(ast.iter_child_nodes(item))
    return names - shared
