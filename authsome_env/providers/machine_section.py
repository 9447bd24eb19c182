"""The sections `oauth.assertion` and `oauth.exchange` of a definition. See `schema`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .environment import field_names
from .field_list import read_fields
from .problem import Problem
from .schema import Assertion, Exchange
from .template import check_template

if TYPE_CHECKING:
    from .reader import Node

_LONGEST_LIFETIME_S = 3600
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA")


def read_assertion(node: Node) -> tuple[Assertion, list[str]]:
    """The section, and the paths of its unknown keys. Raises Problem."""
    usual = Assertion()
    unknown: list[str] = []
    fields = usual.fields
    listed = node.take("fields")
    if listed is not None:
        path = (*node.path, "fields")
        field_names(listed, path)
        fields, unknown = read_fields(listed, path)
    names = [field.name for field in fields]
    key = node.filled("key") or usual.key
    if key not in names:
        raise node.problem("key", f"{key[:40]!a} is none of the fields", f"the fields are {', '.join(names)}")
    templates = {}
    for name in ("issuer", "subject", "audience", "key_id"):
        text = node.text(name) if name == "subject" else node.filled(name)
        templates[name] = text if text is not None or listed is not None else getattr(usual, name)
        try:
            check_template(templates[name] or "", (*names, "token_url"))
        except ValueError as error:
            raise node.problem(name, str(error)) from None
    algorithm = node.filled("algorithm")
    if algorithm is not None and algorithm not in _ALGORITHMS:
        raise node.problem("algorithm", "is unknown", f"write one of: {', '.join(_ALGORITHMS)}")
    lifetime = node.take("lifetime")
    lifetime = usual.lifetime if lifetime is None else lifetime
    if not isinstance(lifetime, int) or isinstance(lifetime, bool) or not 0 < lifetime <= _LONGEST_LIFETIME_S:
        raise node.problem("lifetime", "is no number of seconds from 1 to 3600", "write 3600")
    if not templates["issuer"]:
        raise Problem((*node.path, "issuer"), "is missing", "name who the key belongs to, as in {app_id}")
    section = Assertion(
        fields=fields,
        issuer=templates["issuer"],
        subject=templates["subject"],
        audience=templates["audience"] or usual.audience,
        key=key,
        key_id=templates["key_id"],
        algorithm=algorithm,
        lifetime=lifetime,
        scope=node.choice("scope", ("parameter", "claim"), usual.scope),
        send=node.choice("send", ("assertion", "bearer"), usual.send),
    )
    return section, [*unknown, *node.rest()]


def read_exchange(node: Node) -> tuple[Exchange, list[str]]:
    """The section, and the paths of its unknown keys. Raises Problem."""
    section = Exchange(
        subject_token_type=node.filled("subject_token_type") or Exchange().subject_token_type,
        audience=node.filled("audience"),
        resource=node.filled("resource"),
        requested_token_type=node.filled("requested_token_type"),
        subject_audience=node.filled("subject_audience"),
    )
    return section, node.rest()
