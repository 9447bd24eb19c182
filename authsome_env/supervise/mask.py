"""Replace secrets in a stream of bytes by `***`, wherever the stream is cut, and leave all else as it is.

    feed(data)    what may be passed on by now: all but an end that could be the beginning of a secret
    pause()       nothing has come for a moment: a short such end is passed on, since somebody may wait for it
    end()         what is left

What was passed on by `pause` is remembered: if the rest of the secret follows, the rest is masked. So a pause
in the middle shows less than `SHORTEST` of its bytes. A longer beginning is kept until more comes.

Two secrets that overlap are masked together. Control sequences (colors) within a secret are kept, behind it;
line ends within it are not.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from .mask_forms import LINE_ENDS, SHORTEST, forms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MASK = b"***"

_SEQUENCE = rb"\x1b(?:\[[0-?]*[ -/]*[@-~]\x0f?|[()][0-~])"
"""CSI (ECMA-48 5.4), and what terminfo's `sgr0` has beside it, on xterm before and on Linux behind."""
_COLORS = re.compile(_SEQUENCE)
_NOISE = re.compile(_SEQUENCE + rb"|[\r\n]+")
_BEGUN = re.compile(rb"\x1b(?:\[[0-?]{0,32}[ -/]{0,8}|[()])?\Z")
"""A control sequence that is not complete."""
_LONGEST_BEGUN = 42
_LETTERS = re.compile(rb"[A-Za-z0-9]+")
_LONG_ENOUGH = 12
"""For a part of a form: hardly ever in a text without the form."""
Range = tuple[int, int]


class Mask:
    def __init__(self, secrets: Iterable[bytes] = ()) -> None:
        self._wanted = _Wanted()
        self._forms: dict[bytes, set[bytes]] = {}
        self._kept = b""
        self._shown = 0
        """How many bytes of `_kept` were passed on already."""
        self._shown_masked = False
        """The last of them is within a secret: what continues it is masked with it."""
        for secret in secrets:
            self.add(secret)

    def add(self, secret: bytes) -> bool:
        """From now on, in what is still kept too. False: it is too short to be masked."""
        found = forms(secret)
        self._forms[secret] = found
        self._wanted.add(found)
        return bool(found)

    def forget(self, secret: bytes) -> None:
        """It is worth nothing any more; each that is looked for takes its time."""
        if self._forms.pop(secret, None):
            self._wanted = _Wanted()
            for found in self._forms.values():
                self._wanted.add(found)

    def feed(self, data: bytes) -> bytes:
        buffer = self._kept + data
        found, kept = self._search(buffer)
        return self._pass_on(buffer, found, kept)

    def pause(self) -> bytes:
        kept, shown = self._kept, self._shown
        found, _ = self._search(kept)
        if found and found[0][0] == 0:  # complete, and the beginning of a longer one
            self._shown = max(found[0][1], shown)
            if self._shown == shown or self._shown_masked:
                return b""
            self._shown_masked = True
            return MASK
        if len(_NOISE.sub(b"", kept)) >= SHORTEST and not kept.startswith(b"\x1b"):
            return b""
        self._shown = len(kept)
        self._shown_masked = self._shown_masked and shown == len(kept)
        return kept[shown:]

    def is_waiting(self) -> bool:
        """Whether something is kept that was not passed on."""
        return len(self._kept) > self._shown

    def end(self) -> bytes:
        """A beginning of a secret that is more than half of it is masked as well."""
        found, _ = self._search(self._kept)
        bare = _NOISE.sub(b"", self._kept)
        if len(bare) >= SHORTEST and self._wanted.has_half(bare):
            found = [(0, len(self._kept))]
        return self._pass_on(self._kept, found, len(self._kept))

    def _pass_on(self, buffer: bytes, found: list[Range], kept: int) -> bytes:
        """What may be shown of `buffer`; from `kept` on it waits for more."""
        out = []
        at = self._shown
        masked = self._shown_masked
        for start, end in found:
            if start >= kept:  # it may be a part of what is not complete
                break
            if start > at:
                out.append(buffer[at:start])
            if end > at:
                out += [b"" if masked and start < at else MASK, *_COLORS.findall(buffer, max(start, at), end)]
                at = end
                masked = True
        if kept > at:
            out.append(buffer[at:kept])
        self._kept = buffer[kept:]
        self._shown = max(at - kept, 0)
        self._shown_masked = masked and self._shown > 0
        return b"".join(out)

    def _search(self, buffer: bytes) -> tuple[list[Range], int]:
        """Where secrets are, in order, and where something begins that is not complete."""
        end = len(buffer)
        bare = buffer
        if 0x1B in buffer:
            if incomplete := _BEGUN.search(buffer, max(0, end - _LONGEST_BEGUN)):
                end = incomplete.start()
            bare = _COLORS.sub(b"", buffer[:end])
        if 0x0A in bare or 0x0D in bare:
            bare = bare.translate(None, LINE_ENDS)
        # The way back to the places takes long: it is made only if there is anything, else for the end alone.
        found = []
        if self._wanted.may_be_in(bare):
            view = _View(buffer[:end])
            found = _merged(
                (view.place(start), view.place(last - 1) + 1)
                for start, last in self._wanted.places(view.bytes)
            )
        begun = len(bare) - self._wanted.begun(bare)
        return found, _from_end(buffer, end, begun) if begun else end


class _Wanted:
    """Forms to look for."""

    def __init__(self) -> None:
        self._forms: set[bytes] = set()
        self._by_anchor: dict[bytes, list[bytes]] = {}
        """By a part of them; one for many, so that a text without any is searched few times."""
        self._by_head: dict[bytes, list[bytes]] = {}
        """By their first bytes, which stand for them at the end of a text."""
        self._starts: set[bytes] = set()
        """All beginnings that are shorter than that."""
        self._longest = 0

    def add(self, wanted: Iterable[bytes]) -> None:
        for form in wanted:
            if form not in self._forms:
                self._forms.add(form)
                self._by_anchor.setdefault(_anchor(form), []).append(form)
                self._by_head.setdefault(form[:SHORTEST], []).append(form)
                self._starts.update(form[:length] for length in range(1, SHORTEST))
                self._longest = max(self._longest, len(form))

    def may_be_in(self, text: bytes) -> bool:
        return any(anchor in text for anchor in self._by_anchor)

    def has_half(self, text: bytes) -> bool:
        return any(len(text) * 2 > len(form) and form.startswith(text) for form in self._forms)

    def places(self, text: bytes) -> Iterator[Range]:
        for anchor, same in self._by_anchor.items():
            if anchor in text:  # faster than find, as long as it is not
                for form in same:
                    at = text.find(form)
                    while at >= 0:
                        yield at, at + len(form)
                        at = text.find(form, at + 1)

    def begun(self, text: bytes) -> int:
        """Where the longest end of `text` begins that a form begins with; its length if there is none."""
        first = len(text)
        for head, same in self._by_head.items():
            at = text.find(head, max(first - self._longest, 0))
            while 0 <= at < first:
                if any(form.startswith(text[at:]) for form in same if len(form) > len(text) - at):
                    first = at
                at = text.find(head, at + 1)
        for length in range(min(SHORTEST - 1, len(text)), len(text) - first, -1):
            if text[-length:] in self._starts:
                return len(text) - length
        return first


class _View:
    """`buffer` without control sequences and line ends, and the way back to its places."""

    def __init__(self, buffer: bytes) -> None:
        self._starts: list[int] = []
        self._removed: list[int] = []
        pieces = []
        at = removed = 0
        for match in _NOISE.finditer(buffer):
            pieces.append(buffer[at : match.start()])
            at = match.end()
            removed += at - match.start()
            self._starts.append(at - removed)
            self._removed.append(removed)
        self.bytes = b"".join([*pieces, buffer[at:]])

    def place(self, at: int) -> int:
        """In the buffer, of the byte that is at `at` here."""
        noise = bisect_right(self._starts, at)
        return at + (self._removed[noise - 1] if noise else 0)


def _anchor(form: bytes) -> bytes:
    """Letters and digits: they are the same in both alphabets of base64, in URLs, in JSON."""
    longest = max(_LETTERS.findall(form), key=len, default=b"")
    return longest if len(longest) >= _LONG_ENOUGH else form


def _from_end(buffer: bytes, end: int, count: int) -> int:
    """Where in `buffer` the last `count` bytes before `end` begin, of those that a _View has."""
    start = end - count
    while True:
        start = buffer.rfind(b"\n", 0, max(start - 1, 0)) + 1  # never within a control sequence
        view = _View(buffer[start:end])
        if len(view.bytes) >= count:
            return start + view.place(len(view.bytes) - count)


def _merged(ranges: Iterable[Range]) -> list[Range]:
    """In order, those that overlap as one."""
    merged: list[Range] = []
    for start, end in sorted(ranges):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
