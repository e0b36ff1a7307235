"""Solidity source as the operators see it: comments and strings blanked, places with line and function."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LEXEME = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
_FUNCTION = re.compile(r"\b(?:function\s+(\w+)|(constructor|fallback|receive)\s*\(|modifier\s+(\w+))")
_OPEN = "([{"
_CLOSE = ")]}"


@dataclass(frozen=True)
class Source:
    """A file. `code` has the length of `text`, with blanks for comments and for what strings contain."""

    path: str
    text: str
    code: str

    @classmethod
    def of(cls, path: str, text: str) -> Source:
        """Blank comments and strings of `text`; line breaks stay where they are."""

        def blank(match: re.Match[str]) -> str:
            lexeme = match.group()
            kept = lexeme[0] if lexeme[0] in "\"'" else ""
            inner = lexeme[len(kept) : len(lexeme) - len(kept)]
            return kept + re.sub(r"[^\n]", " ", inner) + kept

        return cls(path, text, _LEXEME.sub(blank, text))

    def line(self, at: int) -> int:
        """The line of an offset, from 1."""
        return self.text.count("\n", 0, at) + 1

    def function(self, at: int) -> str:
        """Name of the function that encloses an offset; empty outside of all."""
        return next((name for name, start, end in self._functions() if start <= at < end), "")

    def body(self, at: int) -> tuple[int, int] | None:
        """The inside of the braces of the function that encloses an offset."""
        return next(((start, end) for _, start, end in self._functions() if start <= at < end), None)

    def _functions(self) -> Iterator[tuple[str, int, int]]:
        for match in _FUNCTION.finditer(self.code):
            opening = self.code.find("{", match.end())
            end = self.code.find(";", match.end())
            if opening != -1 and (end == -1 or opening < end):
                yield match.group(1) or match.group(2) or match.group(3), opening + 1, self.closing(opening)

    def closing(self, opening: int) -> int:
        """Offset of the bracket that closes the one at `opening`; the end of the file where none does."""
        depth = 0
        for at in range(opening, len(self.code)):
            if self.code[at] in _OPEN:
                depth += 1
            elif self.code[at] in _CLOSE:
                depth -= 1
                if depth == 0:
                    return at
        return len(self.code)

    def split(self, start: int, end: int, separators: tuple[str, ...]) -> list[tuple[int, int]]:
        """The parts of [start, end) between separators that are outside of all brackets, without blanks around."""
        parts, depth, begin, at = [], 0, start, start
        while at < end:
            char = self.code[at]
            depth += (char in _OPEN) - (char in _CLOSE)
            found = next((s for s in separators if self.code.startswith(s, at)), None) if depth == 0 else None
            if found is None:
                at += 1
                continue
            parts.append((begin, at))
            at += len(found)
            begin = at
        parts.append((begin, end))
        return [self._trim(*part) for part in parts]

    def _trim(self, start: int, end: int) -> tuple[int, int]:
        while start < end and self.text[start].isspace():
            start += 1
        while end > start and self.text[end - 1].isspace():
            end -= 1
        return start, end


@dataclass(frozen=True)
class Mutant:
    """One change: the bytes [start, end) of a file replaced."""

    path: str
    line: int
    function: str
    operator: str
    start: int
    end: int
    before: str
    after: str

    def apply(self, text: str) -> str:
        """The changed file."""
        return text[: self.start] + self.after + text[self.end :]

    @property
    def name(self) -> str:
        """For people, in one line."""
        before, after = (" ".join(part.split()) for part in (self.before, self.after))
        return f"{self.path}:{self.line} {self.function or '-'} [{self.operator}] {before} -> {after or '(nothing)'}"
