"""The part of a definition that fills variables: the one reading that the hot path and the full parser
share, so that they cannot differ. It works on the document as plain values (what JSON holds), however
those were read, and looks at nothing else of it.
"""

from __future__ import annotations

from authsome_env.errors import NotAllowed, UsageError

from .names import check_variable
from .problem import Problem
from .template import check_template, is_field_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .problem import Path

    Entry = tuple[Path, str, str]
    """Where it stands, variable, template."""

SCHEMA_VERSION = 1
AUTH_TYPES = ("oauth2", "api_key")

KEYS = frozenset(
    {
        "schema_version",
        "name",
        "auth_type",
        "oauth",
        "fields",
        "env",
        "export",
        "api_key",
        "variable_exceptions",
    }
)
"""The top-level keys that `quick_definition` looks at."""

NEVER_DELIVERED = frozenset({"refresh_token", "client_secret"})
"""They stay in the vault, whatever a definition says."""

_STAYS = "refresh tokens and client secrets stay in the vault"


class QuickDefinition:
    """What a run needs to know of a provider."""

    __slots__ = ("auth_type", "base_url", "env", "fields", "ignored", "name", "public")

    def __init__(
        self,
        *,
        name: str,
        auth_type: str,
        fields: tuple[str, ...],
        public: frozenset[str],
        env: dict[str, str],
        base_url: str | None,
        ignored: tuple[str, ...],
    ) -> None:
        self.name = name
        self.auth_type = auth_type
        """`oauth2` or `api_key`."""
        self.fields = fields
        """The credential's fields in order; the first one is the main one."""
        self.public = public
        """Those that are no secret (a region, an account's number)."""
        self.env = env
        """Variable to template. Templates may also name `base_url`, which is no field of the credential:
        the connection's own, else `base_url` of here."""
        self.base_url = base_url
        self.ignored = ignored
        """Paths of what an older definition asks for and does not get."""


def quick_definition(document: Mapping[str, Any], *, bundled: bool) -> QuickDefinition:
    """Raises Problem."""
    version = document.get("schema_version")
    if version is not None and (type(version) is not int or version != SCHEMA_VERSION):
        raise Problem(("schema_version",), "is not a version that this program knows", "write 1")
    name = document.get("name")
    if not isinstance(name, str):
        raise Problem(
            ("name",), "is missing" if name is None else "is not a text", "write the provider's name"
        )
    auth_type = document.get("auth_type")
    if auth_type not in AUTH_TYPES:
        raise Problem(("auth_type",), _not_one_of(auth_type), f"write one of: {', '.join(AUTH_TYPES)}")
    base_url = None
    if auth_type == "oauth2":
        oauth = mapping(document.get("oauth"), ("oauth",))
        base_url = text_or_none(oauth.get("base_url"), ("oauth", "base_url"))
        fields = _answer_fields(oauth)
        if document.get("fields") is not None:
            raise Problem(
                ("fields",),
                "is for API-key providers only",
                "name fields of the token answer in oauth.answer.fields",
            )
    else:
        listed = document.get("fields")
        fields = ("api_key",) if listed is None else field_names(listed, ("fields",))
    entries, ignored = _entries(document, fields, auth_type)
    known = fields if base_url is None else (*fields, "base_url")
    exceptions = _exceptions(document.get("variable_exceptions"), bundled=bundled)
    env: dict[str, str] = {}
    for path, variable, template in entries:
        if variable in env:
            raise Problem(path, f"the variable {variable} is there twice", "fill it from one field")
        _check(path, variable, template, known, exceptions)
        env[variable] = template
    return QuickDefinition(
        name=name,
        auth_type=auth_type,
        fields=fields,
        public=_public(document.get("fields")),
        env=env,
        base_url=base_url,
        ignored=ignored,
    )


def mapping(value: Any, path: Path) -> dict[str, Any]:
    """`value` if it is a JSON object; an absent one is empty."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Problem(path, "is not an object", "write {…}")
    return value


def text_or_none(value: Any, path: Path) -> str | None:
    if value is not None and not isinstance(value, str):
        raise Problem(path, "is not a text", 'write it in double quotes: "…"')
    return value


def _not_one_of(value: Any) -> str:
    if value is None:
        return "is missing"
    return f"{value[:40]!a} is unknown" if isinstance(value, str) else "is not a text"


def _answer_fields(oauth: dict[str, Any]) -> tuple[str, ...]:
    answers = {key: mapping(oauth.get(key), ("oauth", key)) for key in ("answer", "refresh_answer")}
    hidden = [answer["refresh_token"] for answer in answers.values() if answer.get("refresh_token")]
    extra = mapping(answers["answer"].get("fields"), ("oauth", "answer", "fields"))
    for name, pointer in extra.items():
        path: Path = ("oauth", "answer", "fields", name)
        _check_field_name(name, path)
        if name == "access_token" or name in NEVER_DELIVERED or _stays_in_vault(pointer, hidden):
            raise Problem(path, "cannot be an extra field", _STAYS)
    for key, answer in answers.items():
        for name, pointer in answer.items():  # a scope or an error is shown to people
            if name != "refresh_token" and _stays_in_vault(pointer, hidden):
                raise Problem(("oauth", key, name), "points to a refresh token or client secret", _STAYS)
    return ("access_token", *extra)


def _stays_in_vault(pointer: Any, hidden: list[Any]) -> bool:
    """Whether it leads to a refresh token or client secret, by its usual name or where an answer has it."""
    if not isinstance(pointer, str):
        return False
    return pointer.rpartition("/")[2] in NEVER_DELIVERED or pointer in hidden


def field_names(value: Any, place: Path) -> tuple[str, ...]:
    """The names in a list of fields, checked. Raises Problem."""
    if not isinstance(value, list) or not value:
        raise Problem(place, "is not a list of fields", 'write [{"name": …}, …], or leave it out')
    names: list[str] = []
    for index, entry in enumerate(value):
        name = mapping(entry, (*place, index)).get("name")
        path: Path = (*place, index, "name")
        if not isinstance(name, str):
            raise Problem(path, "is missing" if name is None else "is not a text", "name the field")
        _check_field_name(name, path)
        if name in names:
            raise Problem(path, f"the field {name} is there twice", "give each field its own name")
        names.append(name)
    return tuple(names)


def _public(value: Any) -> frozenset[str]:
    """The fields, checked before, that are marked as no secret."""
    return frozenset(entry["name"] for entry in value or () if entry.get("secret") is False)


def _check_field_name(name: str, path: Path) -> None:
    if not is_field_name(name) or len(name) > 64 or name == "base_url":
        raise Problem(
            path,
            f"{name[:64]!a} cannot be the name of a field",
            "use lower-case letters, digits and _, beginning with a letter; base_url is taken",
        )


def _exceptions(value: Any, *, bundled: bool) -> frozenset[str]:
    if value is None:
        return frozenset()
    path: Path = ("variable_exceptions",)
    if not bundled:
        raise Problem(path, "is for bundled definitions only", "leave it out and fill other variables")
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise Problem(path, "is not a list of names", 'write ["NAME", …]')
    return frozenset(value)


def _entries(
    document: Mapping[str, Any], fields: tuple[str, ...], auth_type: str
) -> tuple[list[Entry], tuple[str, ...]]:
    """What fills variables, unchecked, and the paths of what an older definition asks for in vain."""
    env, export = document.get("env"), document.get("export")
    if env is not None:
        return [
            _entry(("env", variable), variable, text) for variable, text in mapping(env, ("env",)).items()
        ], ()
    if export is not None:
        from .older import entries_of_export  # few definitions are of that style

        return entries_of_export(mapping(export, ("export",)), fields)
    section = mapping(document.get("api_key"), ("api_key",)) if auth_type == "api_key" else {}
    variable = text_or_none(section.get("env_var"), ("api_key", "env_var"))
    return ([(("api_key", "env_var"), variable, "{api_key}")], ()) if variable is not None else ([], ())


def _entry(path: Path, variable: str, template: Any) -> Entry:
    if not isinstance(template, str):
        raise Problem(path, "is not a text", 'write a template, such as "{access_token}"')
    return path, variable, template


def _check(
    path: Path, variable: str, template: str, known: tuple[str, ...], exceptions: frozenset[str]
) -> None:
    try:
        check_variable(variable, exceptions)
    except (NotAllowed, UsageError) as error:
        raise Problem(path, error.message, error.hint) from None
    try:
        check_template(template, known)
    except ValueError as error:
        what, _, allowed = str(error).partition("; ")
        raise Problem(path, what, allowed) from None
