"""What a keeper sends a helper for, and what that comes back with. Light, and without the vault."""

from __future__ import annotations

from authsome_env.packed import pack, unpack

from .plan import Bound, Place, State, pack_each, pack_texts, unpack_each, unpack_texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Errand:
    """Look at the connections of a run. `renew`: the id of one to renew first, at the time `at`, if it still
    has the same `generation`; or empty.
    """

    __slots__ = ("at", "bound", "generation", "place", "renew")

    def __init__(
        self,
        place: Place,
        bound: Sequence[Bound],
        *,
        renew: str = "",
        generation: int = 0,
        at: float = 0.0,
    ) -> None:
        self.place = place
        self.bound = bound
        self.renew = renew
        self.generation = generation
        self.at = at

    def pack(self) -> bytes:
        return pack(
            {
                "place": self.place.pack(),
                "bound": pack_each([each.pack() for each in self.bound]),
                "renew": self.renew.encode(),
                "generation": b"%d" % self.generation,
                "at": repr(self.at).encode(),
            }
        )

    @classmethod
    def unpack(cls, packed: bytes) -> Errand:
        fields = unpack(packed)
        return cls(
            Place.unpack(fields["place"]),
            [Bound.unpack(each) for each in unpack_each(fields["bound"])],
            renew=fields["renew"].decode(),
            generation=int(fields["generation"]),
            at=float(fields["at"]),
        )


class Finding:
    """What was found of one connection. `state`: None if this run cannot use it, and `error` says why.

    `stranger`: the login of another account, which this run does not get; or nobody's (logged out).
    `failed`: it was to be renewed and was not; `not_before`: try again then at the earliest (Unix seconds).
    """

    __slots__ = ("error", "failed", "hint", "name", "not_before", "state", "stranger")

    def __init__(
        self,
        state: State | None = None,
        *,
        name: str = "",
        error: str = "",
        hint: str = "",
        stranger: bool = False,
        failed: bool = False,
        not_before: float = 0.0,
    ) -> None:
        self.state = state
        self.name = name
        """Of the error's class."""
        self.error = error
        self.hint = hint
        self.stranger = stranger
        self.failed = failed
        self.not_before = not_before

    def pack(self) -> bytes:
        fields = {
            "texts": pack_texts({"name": self.name, "error": self.error, "hint": self.hint}),
            "stranger": b"1" * self.stranger,
            "failed": b"1" * self.failed,
            "not_before": repr(self.not_before).encode(),
        }
        if self.state is not None:
            fields["state"] = self.state.pack()
        return pack(fields)

    @classmethod
    def unpack(cls, packed: bytes) -> Finding:
        fields = unpack(packed)
        state = fields.get("state")
        return cls(
            State.unpack(state) if state is not None else None,
            **unpack_texts(fields["texts"]),
            stranger=bool(fields["stranger"]),
            failed=bool(fields["failed"]),
            not_before=float(fields["not_before"]),
        )
