"""A table for people: columns as wide as they need, two blanks between them, no lines.

No library: rich aligns as well, but wraps and colours on its own account, and costs 60 ms to import.
"""

from __future__ import annotations

from unicodedata import combining, east_asian_width

from authsome_env.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .invocation import Invocation

_GAP = "  "
_ELLIPSIS = "…"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], invocation: Invocation) -> str:
    """The table for stdout as it is: the header bold if it may be coloured, fitted to a terminal's width."""
    return layout(header, rows, bold=invocation.color, width=invocation.width)


def grouped(
    header: Sequence[str], groups: Mapping[str, Sequence[Sequence[str]]], invocation: Invocation
) -> str:
    """One table whose rows stand under the headings of their groups; an empty group is left out."""
    rows = [row for group in groups.values() for row in group]
    head, *lines = table(header, rows, invocation).splitlines(keepends=True)
    text, done = head, 0
    for heading, group in groups.items():
        if group:
            bold = f"\x1b[1m{heading}\x1b[0m" if invocation.color else heading
            text += f"\n{bold}\n" + "".join(lines[done : done + len(group)])
            done += len(group)
    return text


def layout(header: Sequence[str], rows: Sequence[Sequence[str]], *, bold: bool, width: int | None) -> str:
    """Lines that end in a newline each. Each cell is shown as one printable line.

    `width`: columns into which the last column is cut to fit; None: nothing is cut.
    """
    cells = [[printable(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(_columns, column)) for column in zip(*cells, strict=True)]
    if width is not None:
        before = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
        widths[-1] = min(widths[-1], max(width - before, 1))
    lines = [_line(row, widths) for row in cells]
    if bold:
        lines[0] = f"\x1b[1m{lines[0]}\x1b[0m"
    return "".join(line + "\n" for line in lines)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell + " " * (width - _columns(cell)) for cell, width in zip(row[:-1], widths, strict=False)]
    return _GAP.join([*padded, cut(row[-1], widths[-1])]).rstrip()


def cut(cell: str, width: int) -> str:
    """`cell` in at most `width` columns."""
    if _columns(cell) <= width:
        return cell
    while cell and _columns(cell) > width - 1:
        cell = cell[:-1]
    return cell + _ELLIPSIS


def _columns(text: str) -> int:
    """The columns that `text` takes on a terminal: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)
