"""What a supervisor is told, and how it gets it: in a memory file, over the exec by which it begins."""

from __future__ import annotations

import os
import sys

from authsome_env.packed import pack, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Self


class Brief:
    """`argv` and `environment`: of the command, exact. `delivered`: which of its entries are ours."""

    __slots__ = (
        "argv",
        "delivered",
        "environment",
        "folders",
        "grace",
        "mask",
        "masked",
        "on_expiry",
        "said_as",
        "work",
    )

    def __init__(
        self,
        argv: Sequence[bytes],
        environment: Sequence[bytes],
        *,
        delivered: Mapping[str, bytes],
        on_expiry: str,
        grace: float,
        masked: bool = False,
        said_as: str = "",
        folders: Sequence[str] = (),
        work: bytes = b"",
        mask: Iterable[int] = (),
    ) -> None:
        self.argv = list(argv)
        self.environment = list(environment)
        self.delivered = dict(delivered)
        self.on_expiry = on_expiry
        """`restart`, `stop`, or anything else, which the work knows of."""
        self.grace = grace
        self.masked = masked
        self.said_as = said_as
        """How errors are to be said; nothing of ours knows it."""
        self.folders = list(folders)
        """Where modules of others are found: psutil."""
        self.work = work
        """What there is to do meanwhile, as the layer above has packed it."""
        self.mask = frozenset(mask)
        """The signals that our caller had blocked."""

    def pack(self) -> bytes:
        return pack(
            {
                "argv": _pack_each(self.argv),
                "environment": _pack_each(self.environment),
                "delivered": pack(self.delivered),
                "on_expiry": self.on_expiry.encode(),
                "grace": repr(self.grace).encode(),
                "masked": b"1" * self.masked,
                "said_as": self.said_as.encode(),
                "folders": _pack_each([os.fsencode(each) for each in self.folders]),
                "work": self.work,
                "mask": bytes(sorted(self.mask)),
            }
        )

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        fields = unpack(packed)
        return cls(
            _unpack_each(fields["argv"]),
            _unpack_each(fields["environment"]),
            delivered=unpack(fields["delivered"]),
            on_expiry=fields["on_expiry"].decode(),
            grace=float(fields["grace"]),
            masked=bool(fields["masked"]),
            said_as=fields["said_as"].decode(),
            folders=[os.fsdecode(each) for each in _unpack_each(fields["folders"])],
            work=fields["work"],
            mask=fields["mask"],
        )

    def leave(self) -> int:
        """A descriptor that stays open over exec, and from which `take` reads it. Raises OSError."""
        packed = self.pack()
        if sys.platform != "linux":
            from .darwin import leave

            descriptor = leave(packed)
        else:
            descriptor = os.memfd_create("brief", os.MFD_CLOEXEC)
            view = memoryview(packed)
            while view:
                view = view[os.write(descriptor, view) :]
        os.set_inheritable(descriptor, True)
        return descriptor

    @classmethod
    def take(cls, descriptor: int) -> Self:
        packed = bytearray()
        try:
            if sys.platform != "linux":
                from .darwin import take

                packed += take(descriptor)
            else:
                while chunk := os.pread(descriptor, 1 << 20, len(packed)):
                    packed += chunk
        finally:
            os.close(descriptor)
        return cls.unpack(bytes(packed))


def _pack_each(items: Sequence[bytes]) -> bytes:
    return pack({str(number): item for number, item in enumerate(items)})


def _unpack_each(packed: bytes) -> list[bytes]:
    return list(unpack(packed).values())
