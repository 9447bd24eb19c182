"""How requests carry a credential, by its definition; and the credential of a run's connection, for requests.

What belongs to a vault is in `api`. Neither knows the library that sends them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsome_env.errors import InvalidDefinition, NotAllowed, ProviderNotFound
from authsome_env.model import Reference
from authsome_env.providers.template import render

from . import inside

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authsome_env.clock import Clock
    from authsome_env.model import Secret
    from authsome_env.providers.registry import Registry

    from .told import Told

REFUSED_ANEW_S = 30.0
"""A token that is younger and refused all the same is not refused for its age; a new one fares no better."""


class Carried:
    """The header of one provider's requests."""

    def __init__(self, registry: Registry, provider: str) -> None:
        """Raises ProviderNotFound, InvalidDefinition; NotAllowed where no header does it."""
        how = registry.load(provider).api_key
        self.name, self._prefix, self._template = "Authorization", "Bearer", None
        if how is not None:
            self.name, self._prefix, self._template = how.header_name, how.header_prefix, how.header_value
        if self._template is not None and not self._template:
            raise NotAllowed(
                f"requests to {provider} carry their credential in no header",
                "get_access_token and environment give its values",
            )

    def value(self, fields: Mapping[str, Secret], token: Callable[[], Secret]) -> str:
        """`token`: what chooses the one among `fields` that is meant."""
        if self._template is not None:
            value = render(self._template, fields)
            return value.reveal() if value else ""
        return f"{self._prefix} {token().reveal()}" if self._prefix else token().reveal()


class InRun:
    """One connection of the run that we are inside of; `header` and `replace` as `httpx_auth` wants them."""

    def __init__(
        self,
        environ: Mapping[str, str],
        reference: Reference,
        registry: Registry,
        *,
        now: Clock,
        sleep: Callable[[float], None],
    ) -> None:
        """Raises ConnectionNotFound for one that is not the run's, and as `Carried`."""
        self._environ = environ
        self._now = now
        self._sleep = sleep
        self._made = 0
        """The generation that the last refusal has led to."""
        self._made_at = 0.0
        told = self._find(reference)
        self._reference = Reference(told.provider, told.name)
        self._carried: Carried | None = None
        """None: the vault's home is not in reach from here; access tokens are borne by all alike."""
        try:
            self._carried = Carried(registry, told.provider)
        except (ProviderNotFound, InvalidDefinition):
            if "access_token" not in told.fields:
                raise

    def header(self) -> tuple[str, str]:
        told = inside.fresh(self._environ, self._find(self._reference), now=self._now, sleep=self._sleep)
        return ("Authorization" if self._carried is None else self._carried.name), self._value(told)

    def replace(self, refused: str) -> bool:
        """Whether there is another value than `refused`, if need be after the keeper was asked for one."""
        told = self._find(self._reference)
        if told.fields and self._value(told) != refused:
            return True
        anew = told.generation == self._made and 0 <= self._now() - self._made_at < REFUSED_ANEW_S
        if anew or not told.renewable:
            return False
        renewed = inside.renew(self._environ, told, now=self._now, sleep=self._sleep)
        self._made, self._made_at = renewed.generation, self._now()
        return renewed.differs(told) and bool(renewed.fields)

    def _find(self, reference: Reference) -> Told:
        inside.check_not_over(self._environ)
        return inside.find(self._environ, reference)

    def _value(self, told: Told) -> str:
        if self._carried is None:
            return f"Bearer {told.field(None).reveal()}"
        return self._carried.value(told.fields, lambda: told.field(None))
