"""What makes git and AWS programs ask for credentials: additions to the command's environment."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def additions(
    inherited: Mapping[bytes, bytes],  # noqa: ARG001
    connections: Sequence[Mapping[str, object]],  # noqa: ARG001
    folder: str,  # noqa: ARG001
) -> dict[str, bytes]:
    return {}
