"""Every failure that we report, with its exit code, its name in `--json`, and what to type to mend it.

A message names providers, connections, files and variables; never a value. Only `cli` prints these.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class AuthsomeError(Exception):
    """Base of all. `message`: one line, what is wrong; `hint`: one line, what to type (may be empty)."""

    exit_code = 1
    name = "unexpected"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(AuthsomeError):
    """The command line, a name or a configuration file is not of the documented form."""

    exit_code = 2
    name = "usage"


class StorageError(AuthsomeError):
    """The home or the folder of a run cannot be written: permission, full disk. Nothing was changed."""

    name = "storage"


class ConnectionNotFound(AuthsomeError):
    exit_code = 3
    name = "connection_not_found"


class NoDefault(AuthsomeError):
    """The provider has connections, but none is its default."""

    exit_code = 3
    name = "no_default"


class ProviderNotFound(AuthsomeError):
    exit_code = 4
    name = "provider_not_found"


class InvalidDefinition(AuthsomeError):
    """A provider definition breaks the schema; the message names the field."""

    exit_code = 4
    name = "invalid_definition"


class NotAllowed(AuthsomeError):
    """What was asked for is refused by a rule of ours (a variable name, an operation of this provider)."""

    exit_code = 4
    name = "not_allowed"


class CannotExpress(NotAllowed):
    """A value that the wanted output format cannot hold; the message names the variable."""

    name = "cannot_express"


class CredentialUnusable(AuthsomeError):
    """A credential is missing, expired, or refused by the provider."""

    exit_code = 5
    name = "credential_unusable"


class ConnectionExists(AuthsomeError):
    exit_code = 6
    name = "connection_exists"


class ProviderExists(AuthsomeError):
    exit_code = 7
    name = "provider_exists"


class Unreachable(AuthsomeError):
    """No usable answer from an endpoint; the same call may work later."""

    exit_code = 8
    name = "unreachable"


class LoginFailed(AuthsomeError):
    exit_code = 9
    name = "login_failed"


class LoginCancelled(LoginFailed):
    name = "login_cancelled"


class VaultError(AuthsomeError):
    """Base of all that keeps a vault from being opened."""

    exit_code = 10
    name = "vault"


class VaultNotFound(VaultError):
    name = "vault_not_found"


class VaultLocked(VaultError):
    """`vault lock` was given, and no `vault unlock` since."""

    name = "vault_locked"


class KeyUnavailable(VaultError):
    """The master key cannot be had: variable not set, file gone, keyring out of reach, no passphrase."""

    name = "key_unavailable"


class WrongKey(VaultError):
    """A master key was found, but it does not open this vault."""

    name = "wrong_key"


class VaultDamaged(VaultError):
    """The file is no vault, is cut short, or a sealed part or its clear metadata was altered or moved."""

    name = "vault_damaged"


class VaultFormat(VaultError):
    """The vault was written in a format version that this program does not know."""

    name = "vault_format"


class ProjectNotAllowed(AuthsomeError):
    exit_code = 11
    name = "project_not_allowed"


def nearest(wanted: str, known: Iterable[str]) -> str:
    """` (did you mean X?)` for the known name most like `wanted`, or an empty string."""
    found = most_like(wanted, known)
    return f" (did you mean {found}?)" if found is not None else ""


def most_like(wanted: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """The known name most like `wanted`, or None if none is as near as `likeness`, of 1 for the same."""
    import difflib  # only ever needed to report a mistake

    return next(iter(difflib.get_close_matches(wanted, list(known), n=1, cutoff=likeness)), None)
