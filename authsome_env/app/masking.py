"""Which values of a run are secrets: what `--mask` keeps out of the command's output.

Every field that is no public one, delivered or only there to be asked for, and every variable that is made of
such a field. A region, a base URL or a fixed companion (`"true"`) is none.
"""

from __future__ import annotations

from authsome_env.providers.template import fields_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .held import Held
    from .resolve import Resolution

_BASE_URL = "base_url"
_STILL_S = 600.0
"""For so long a token is looked for after its end. Then it is nobody's secret, and each costs throughput."""


def masked_and_not(resolution: Resolution) -> tuple[list[str], list[str]]:
    """Names of secrets: of those that are masked, and of those that are too short.

    Of variables, or REF#field where no variable is just that. The resolution knows what is public of all.
    """
    from authsome_env.supervise.mask_forms import is_too_short

    found = _secrets_of(resolution)
    shown = sorted(name for name, value in found.items() if is_too_short(value))
    return sorted(found.keys() - set(shown)), shown


def _secrets_of(resolution: Resolution) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for credential in resolution.bound:
        _, public = resolution.serving[credential.connection.id]
        own = [
            each for each in resolution.variables.values() if each.connection.id == credential.connection.id
        ]
        values = {each.name: each.value.reveal_bytes() for each in own}
        secrets = _secrets(
            {name: secret.reveal_bytes() for name, secret in credential.fields.items()},
            values,
            {each.name: each.template for each in own},
            public,
        )
        reference = credential.connection.reference
        for name, value in secrets.items():
            if name in values:
                found[name] = value
            elif value not in values.values():
                found[f"{reference}#{name}"] = value
    return found


class Masking:
    """The secrets of a run while it lives: those of the moment, and for a while those before."""

    def __init__(self) -> None:
        self._until: dict[bytes, float | None] = {}
        """When the tokens that they are, or are a part of, come to their end; None: never."""

    def secrets(self, held: Collection[Held], now: float) -> set[bytes]:
        current: dict[bytes, float | None] = {}
        for each in held:
            found = _secrets(
                each.state.fields, each.state.values, each.bound.templates, each.bound.public
            ).values()
            current |= dict.fromkeys(found, each.state.expires_at)
        for secret, until in self._until.items():
            if until is None or now < until + _STILL_S:
                current.setdefault(secret, until)
        self._until = current
        return set(current)


def _secrets(
    fields: Mapping[str, bytes],
    values: Mapping[str, bytes],
    templates: Mapping[str, str],
    public: Collection[str],
) -> dict[str, bytes]:
    """By the name of a variable or field."""
    harmless = {*public, _BASE_URL}
    found = {name: value for name, value in fields.items() if name not in harmless}
    found |= {
        name: value for name, value in values.items() if not harmless.issuperset(fields_of(templates[name]))
    }
    return {name: value for name, value in found.items() if value}
