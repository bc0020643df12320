"""Read an XML file that comes from elsewhere, with the line of each element and without any entities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from evidence.errors import DataError, Fault
from evidence.files import content

__all__ = ["Element", "read_xml"]

_DEEPEST = 100
"""No file of RevMan comes near this depth; a file that does is not one."""
_MOST = 500_000
"""Elements; the largest reviews have some hundred thousand."""
_PIECE = 2**20
"""Bytes that are parsed at once; no tag is longer, for all its attributes are held beside each other."""


@dataclass(slots=True)
class Element:
    """One element: its name, attributes, line in the file, children, and text including that of its children."""

    name: str
    attributes: dict[str, str]
    line: int
    children: list[Element] = field(default_factory=list)
    pieces: list[str | Element] = field(default_factory=list)

    def get(self, attribute: str) -> str:
        """Give an attribute, "" if it is not there."""
        return self.attributes.get(attribute, "").strip()

    def all(self, *names: str) -> Iterator[Element]:
        """Give the elements of these names at any depth, in the order of the file."""
        for child in self.children:
            if child.name in names:
                yield child
            yield from child.all(*names)

    def first(self, *path: str) -> Element | None:
        """Follow names of children from this element; None where there is none."""
        found: Element | None = self
        for name in path:
            found = next((child for child in found.children if child.name == name), None) if found else None
        return found

    def text(self, *path: str) -> str:
        """Give the text of the element at a path of names, its white space made single; "" if there is none."""
        found = self.first(*path)
        return " ".join("".join(found.words()).split()) if found else ""

    def words(self) -> Iterator[str]:
        """Give the pieces of text in order; paragraphs stay apart."""
        for piece in self.pieces:
            if isinstance(piece, str):
                yield piece
            else:
                yield " " if piece.name in ("P", "BR", "LI") else ""
                yield from piece.words()


def read_xml(path: Path) -> Element:
    """Read an XML file.

    The parser of the standard library is used directly, because it gives line numbers and lets declarations be
    refused: a file that declares entities, or values of attributes, could grow without bounds or name other files.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Element
        The outermost element.

    Raises
    ------
    DataError
        If the file cannot be read, is not well-formed, declares entities, nests too deeply or is too large.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    stack: list[Element] = []
    roots: list[Element] = []
    count = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        if len(stack) >= _DEEPEST:
            raise DataError(
                [_fault(path, parser, f"elements nest more than {_DEEPEST} deep; this is no review")]
            )
        count += 1
        if count > _MOST:
            raise DataError([_fault(path, parser, f"it has more than {_MOST:,} elements; this is no review")])
        element = Element(name, attributes, parser.CurrentLineNumber)
        if stack:
            stack[-1].children.append(element)
            stack[-1].pieces.append(element)
        else:
            roots.append(element)
        stack.append(element)

    def end(name: str) -> None:
        stack.pop()

    def characters(text: str) -> None:
        stack[-1].pieces.append(text)

    def refuse(*declaration: object) -> None:
        what = "declares entities or attributes, which a review never needs"
        expected = f"the file {what}; remove the DOCTYPE or export it again"
        raise DataError([_fault(path, parser, expected)])

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = characters
    parser.EntityDeclHandler = parser.AttlistDeclHandler = refuse
    try:
        raw = content(path)
        for begin in range(0, len(raw), _PIECE):
            parser.Parse(raw[begin : begin + _PIECE], False)
            if begin - parser.CurrentByteIndex > _PIECE:
                raise DataError(
                    [_fault(path, parser, "a tag or comment is longer than 1 MB; this is no review")]
                )
        parser.Parse(b"", True)
    except OSError as error:
        raise DataError(
            [Fault(path.name, None, "", "", f"cannot be read: {error.strerror or error}")]
        ) from None
    except expat.ExpatError as error:
        expected = f"is not well-formed XML ({expat.ErrorString(error.code)}); export it again"
        raise DataError([Fault(path.name, error.lineno, "", "", expected)]) from None
    except (ValueError, LookupError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            [Fault(path.name, 1, "", "", f"has an encoding that cannot be read: {error}")]
        ) from None
    return roots[0]


def _fault(path: Path, parser: expat.XMLParserType, expected: str) -> Fault:
    return Fault(path.name, parser.CurrentLineNumber, "", "", expected)
