"""Inside a run: the connections that its keeper keeps fresh, read from the run's folder.

    connections   JSON, see `deliver`; replaced by a rename with every change
    ask           a fifo: a line `<connection id> <generation>` says that this token was refused, and asks the
                  keeper for a new one though it is not due

Whoever is inside needs no key, never opens the vault, and reaches no other connection. Light: git waits for
it.
"""

from __future__ import annotations

import errno
import os
import stat

from authsome_env.deliver import json_text
from authsome_env.errors import AuthsomeError, ConnectionNotFound

from .run_folder import ASK, CONNECTIONS, VARIABLE, VERSION
from .told import Told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authsome_env.clock import Clock
    from authsome_env.model import Reference

PATIENCE_S = 10.0
"""How long somebody waits who has asked for a new token."""
SOON_S = 2.0
"""Who is given a token that ends so soon may not come to the end of what it is for: git asks once, and then
sends several requests. Of tokens that live for an hour nobody ever sees that.
"""
_POLL_S = 0.02
_MAX_BYTES = 16 * 1024 * 1024


def folder_of(environ: Mapping[str, str]) -> str | None:
    """The run's folder; None outside of runs, when it is gone, and when it is not ours alone (after su)."""
    path = environ.get(VARIABLE, "")
    if not path.startswith("/"):
        return None
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return None
    return path if stat.S_ISDIR(found.st_mode) and _is_ours(found) else None


def check_not_over(environ: Mapping[str, str]) -> None:
    """Raises ConnectionNotFound where the run that we were started by has gone: another account may be the
    vault's answer.
    """
    if environ.get(VARIABLE) and folder_of(environ) is None:
        raise ConnectionNotFound(
            f"the run that {VARIABLE} names is over, or its folder is not ours",
            f"start it again with `authsome run`, or ask the vault: unset {VARIABLE}",
        )


def connections(environ: Mapping[str, str]) -> list[Told] | None:
    """All of the run's; None if we are not inside one, or its folder is gone.

    Raises AuthsomeError for a list that is not ours or not whole: the vault is no substitute for it.
    """
    folder = folder_of(environ)
    if folder is None:
        return None
    raw = _read(os.path.join(folder, CONNECTIONS))
    if raw is None:
        return [] if folder_of(environ) else None  # it may have gone between the two looks
    try:
        document = json_text.read(raw)
        if document["version"] != VERSION:
            raise ValueError
        return [Told.of(each) for each in document["connections"]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise _unreadable("it is not of the form that this program writes") from None


def find(environ: Mapping[str, str], reference: Reference) -> Told:
    """The run's connection of that name; without one, the provider's only one of this run.

    Raises ConnectionNotFound for what is not the run's.
    """
    told = connections(environ) or ()
    mine = [each for each in told if each.provider == reference.provider]
    if reference.connection is not None:
        mine = [each for each in mine if each.name == reference.connection]
    if len(mine) == 1:
        return mine[0]
    names = ", ".join(f"{each.provider}:{each.name}" for each in told) or "no connection"
    if mine:
        raise ConnectionNotFound(
            f"this run has several connections of {reference.provider}: {names}",
            f"name one, as in {mine[0].provider}:{mine[0].name}",
        )
    raise ConnectionNotFound(
        f"this run has no {reference}; it has {names}", f"start it with `authsome run -p {reference} -- …`"
    )


def fresh(environ: Mapping[str, str], told: Told, *, now: Clock, sleep: Callable[[float], None]) -> Told:
    """The connection as it can be used now. The keeper has it fresh; one that slept along with the machine is
    woken, and one that is about to renew it is waited for. Raises CredentialUnusable, ConnectionNotFound.
    """
    if told.past(now() + SOON_S) and told.status != "invalid":
        told = renew(environ, told, now=now, sleep=sleep)
    told.check_usable(now())
    return told


def renew(
    environ: Mapping[str, str],
    told: Told,
    patience_s: float = PATIENCE_S,
    *,
    now: Clock,
    sleep: Callable[[float], None],
) -> Told:
    """The connection after the keeper has been asked to renew it; as it is, if it was not renewed in time.

    Raises ConnectionNotFound if it is the run's no more.
    """
    until = now() + patience_s
    current = _again(environ, told)
    if current.differs(told) or not told.renewable or not _ask(environ, told):
        return current
    while not current.differs(told) and 0 <= until - now() <= patience_s:
        sleep(_POLL_S)
        current = _again(environ, told)
    return current


def _again(environ: Mapping[str, str], told: Told) -> Told:
    for each in connections(environ) or ():
        if each.id == told.id:
            return each
    raise ConnectionNotFound(
        f"{told.reference} is not of this run any more", f"authsome run -p {told.reference} -- …"
    )


def _ask(environ: Mapping[str, str], told: Told) -> bool:
    """Whether there is a keeper that hears it."""
    path = os.path.join(folder_of(environ) or "/", ASK)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # ENXIO: nobody reads; ENOENT: nobody ever did
        return False
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISFIFO(found.st_mode) or not _is_ours(found):
            return False
        os.write(descriptor, b"%s %d\n" % (told.id.encode(), told.generation))  # shorter than PIPE_BUF: whole
    except BlockingIOError:  # it is full of others' lines: the keeper has enough to hear
        return True
    except OSError as error:
        return error.errno == errno.EINTR
    finally:
        os.close(descriptor)
    return True


def _read(path: str) -> bytes | None:
    """None if there is no such file. Raises AuthsomeError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable((error.strerror or "error").lower()) from None
    with open(descriptor, "rb", buffering=0) as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or not _is_ours(found):
            raise _unreadable("it is not a file of ours alone")
        if found.st_size > _MAX_BYTES:
            raise _unreadable("it is too large")
        return file.readall()


def _is_ours(found: os.stat_result) -> bool:
    return found.st_uid == os.geteuid() and not found.st_mode & 0o077


def _unreadable(why: str) -> AuthsomeError:
    return AuthsomeError(
        f"the list of this run's connections cannot be read: {why}", "start the run again with `authsome run`"
    )
