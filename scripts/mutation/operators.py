"""What a mutation run changes. An operator yields the places of a source that it changes, and what it puts there.

Another operator is another function in a list; another list is for another kind of source (`suites.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from mutation.source import Mutant, Source

# What may be swapped with its neighbour: a variable, or a call without arguments. Constants have types of their own.
_NAME = re.compile(r"(?![A-Z_0-9]+$)[\w.\[\]]+(?:\(\))?")

# From the end of what precedes it, which may be another statement: hence the look-ahead.
_STATEMENT = re.compile(
    r"(?=(?<=[;{}])\s*((?:emit\s|delete\s|\+\+|\([\w., \[\]]+\) = |[\w.\[\]]+\s*(?:[-+*/%|&]?=(?!=)|\())[^;{}]*;))"
)
_YUL_STATEMENT = re.compile(r"^[ \t]+((?:\w+\s*:=\s*|(?:mstore|pop|calldatacopy)\()[^\n{}]*)$", re.MULTILINE)

Change = tuple[int, int, str]
Operator = Callable[[Source], Iterator[Change]]

# Nothing that these match is a decision: imports, declarations of types, events and errors, and documentation.
_DECLARATION = re.compile(
    r"^[ \t]*(?:pragma|import|error|event|using)\b[^;]*;|\b(?:struct|enum)\s+\w+\s*\{[^}]*\}", re.MULTILINE
)


def refused_conditions(source: Source) -> Iterator[Change]:
    """A check that never refuses, or a branch that is never, or always, taken."""
    for match in re.finditer(r"\bif\s*\(", source.code):
        opening = match.end() - 1
        closing = source.closing(opening)
        yield opening + 1, closing, "false"
        after = source.code[closing + 1 :].lstrip().removeprefix("{").lstrip()
        if not after.startswith("revert"):
            yield opening + 1, closing, "true"


def operands(source: Source) -> Iterator[Change]:
    """One operand of a conjunction or a disjunction left out."""
    for match in re.finditer(r"\bif\s*\(|\breturn\b", source.code):
        if source.code[match.end() - 1] == "(":
            start, end = match.end(), source.closing(match.end() - 1)
        else:
            start, end = match.end(), source.code.find(";", match.end())
        for separator in ("||", "&&"):
            parts = source.split(start, end, (separator,))
            if len(parts) < 2:
                continue
            for index in range(len(parts)):
                rest = [source.text[a:b] for i, (a, b) in enumerate(parts) if i != index]
                yield parts[0][0], parts[-1][1], f" {separator} ".join(rest)


def comparisons(source: Source) -> Iterator[Change]:
    """A comparison with the other end included, or with the other result."""
    swaps = {"<": "<=", ">": ">=", "<=": "<", ">=": ">", "==": "!=", "!=": "=="}
    for match in re.finditer(r"(?<![<>=!])(<=|>=|==|!=|<|>)(?![<>=])", source.code):
        yield match.start(), match.end(), swaps[match.group()]
    words = {"lt": "gt", "gt": "lt", "slt": "sgt", "sgt": "slt", "eq": "sub"}
    for match in re.finditer(r"\b(lt|gt|slt|sgt|eq)(?=\()", source.code):
        yield match.start(), match.end(), words[match.group()]


def arithmetic(source: Source) -> Iterator[Change]:
    """Another operation of the same arguments."""
    swaps = {"+": "-", "-": "+", "*": "+", "/": "*", "%": "/", "<<": ">>", ">>": "<<", "&": "|", "|": "&"}
    pattern = r"(?<= )(\+|-|\*|/|%|<<|>>|&|\|)(?= )"
    for match in re.finditer(pattern, source.code):
        yield match.start(), match.end(), swaps[match.group()]
    words = {
        "add": "sub",
        "sub": "add",
        "mul": "add",
        "and": "or",
        "or": "and",
        "shl": "shr",
        "shr": "shl",
        "addmod": "mulmod",
        "mulmod": "addmod",
    }
    for match in re.finditer(rf"\b({'|'.join(words)})(?=\()", source.code):
        yield match.start(), match.end(), words[match.group()]


def constants(source: Source) -> Iterator[Change]:
    """A number that is one more, and one less."""
    for match in re.finditer(r"(?<![\w.])\d+(?![\w.])", source.code):
        value = int(match.group())
        yield match.start(), match.end(), str(value + 1)
        if value > 0:
            yield match.start(), match.end(), str(value - 1)


def strings(source: Source) -> Iterator[Change]:
    """The text of a domain changed."""
    for match in re.finditer(r"keccak256\(\"", source.code):
        yield match.end(), match.end(), "other "


def statements(source: Source) -> Iterator[Change]:
    """A statement left out: an assignment, a call, an event, a deletion."""
    for match in _STATEMENT.finditer(source.code):
        start, end = match.start(1), match.end(1)
        if not re.match(r"(?:revert|return|assembly|for|if|while|unchecked|mapping)\b", source.code[start:]):
            yield start, end, ""
    for match in _YUL_STATEMENT.finditer(source.code):
        yield match.start(1), match.end(1), ""


def late_effects(source: Source) -> Iterator[Change]:
    """An assignment before a call that sends ether moved behind it, where a reentrant call comes too soon for it."""
    for match in re.finditer(r"\.call\{value", source.code):
        function = source.body(match.start())
        if function is None:
            continue
        start, end = function
        for effect in re.finditer(r"(?<=;)\s*(\w[\w.\[\]]*\s*[-+]?=(?!=)[^;{}]*;)", source.code[start : match.start()]):
            at, after = start + effect.start(1), start + effect.end(1)
            yield at, end, f"{source.text[after:end].strip()} {source.text[at:after]}"


def hashed_parts(source: Source) -> Iterator[Change]:
    """A part left out of what is hashed, concatenated or encoded."""
    for match in re.finditer(r"\b(?:abi\.encode(?:Packed)?|bytes\.concat)\(", source.code):
        opening = match.end() - 1
        parts = source.split(opening + 1, source.closing(opening), (",",))
        for index in range(len(parts)) if len(parts) > 1 else ():
            rest = [source.text[a:b] for i, (a, b) in enumerate(parts) if i != index]
            yield parts[0][0], parts[-1][1], ", ".join(rest)


def arguments(source: Source) -> Iterator[Change]:
    """Two neighbours among the arguments of a call swapped."""
    for match in re.finditer(r"(?<!function )(?<!event )(?<!error )\b\w+\(", source.code):
        word = match.group()[:-1]
        if word in ("if", "for", "while", "returns", "assembly", "constructor", "modifier", "mapping", "catch"):
            continue
        opening = match.end() - 1
        parts = source.split(opening + 1, source.closing(opening), (",",))
        names = [source.text[a:b] for a, b in parts]
        for index in range(len(parts) - 1):
            first, second = names[index], names[index + 1]
            if first == second or not _NAME.fullmatch(first) or not _NAME.fullmatch(second):
                continue
            yield parts[index][0], parts[index + 1][1], f"{second}, {first}"


def modifiers(source: Source) -> Iterator[Change]:
    """A function that anybody may call."""
    for match in re.finditer(r"\)[^;{}()]*?(\s+only\w+)\b", source.code):
        yield match.start(1), match.end(1), ""


SOLIDITY: list[Operator] = [
    refused_conditions,
    operands,
    comparisons,
    arithmetic,
    constants,
    strings,
    statements,
    late_effects,
    hashed_parts,
    arguments,
    modifiers,
]


def mutants(source: Source, operators: list[Operator]) -> list[Mutant]:
    """Every change of every operator, none twice, in order of their places."""
    skipped = [match.span() for match in _DECLARATION.finditer(source.code)]
    found: dict[tuple[int, int, str], Mutant] = {}
    for operator in operators:
        for start, end, after in operator(source):
            if any(a <= start < b for a, b in skipped) or source.text[start:end] == after:
                continue
            before = source.text[start:end]
            mutant = Mutant(
                source.path,
                source.line(start),
                source.function(start),
                operator.__name__,
                start,
                end,
                before or _context(source, start),
                after,
            )
            found.setdefault((start, end, after), mutant)
    return sorted(found.values(), key=lambda m: (m.start, m.end, m.after))


def _context(source: Source, at: int) -> str:
    """The line of an insertion, which has no text of its own."""
    begin = source.text.rfind("\n", 0, at) + 1
    return source.text[begin : source.text.find("\n", at)].strip()
