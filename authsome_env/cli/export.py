"""`authsome export`: one connection's variables, in the formats of `env`."""

from __future__ import annotations

from authsome_env.app.selection import Selection
from authsome_env.errors import AuthsomeError
from authsome_env.model import Reference

from . import arguments
from .env import failed, find_variables, format_of, print_variables
from .invocation import Invocation


def export(
    invocation: Invocation,
    provider: arguments.Provider,
    connection: arguments.Connection = None,
    format: arguments.Format = None,  # noqa: A002 - the flag's name
    prefix: arguments.Prefix = None,
    quoted: arguments.Quoted = False,
    to_artifact: arguments.ToArtifact = False,
    show_secret: arguments.ShowSecret = False,
) -> None:
    """Example: authsome export aws -c prod --format dotenv"""
    format_ = format_of(format, invocation)
    try:
        selection = Selection(named=[Reference(provider, connection)], everything=False, prefix=prefix or "")
        resolution = find_variables(selection, format_, invocation, to_artifact=to_artifact)
        given = {"-c": connection, "--format": format, "--prefix": prefix}
        words = [word for flag, value in given.items() if value is not None for word in (flag, value)]
        print_variables(
            resolution,
            format_,
            invocation,
            typed=lambda: ["export", provider, *words],
            quoted=quoted,
            show_secret=show_secret,
        )
    except Exception as error:
        failed(format_, invocation, error.exit_code if isinstance(error, AuthsomeError) else 1)
        raise
