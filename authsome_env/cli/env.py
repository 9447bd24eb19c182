"""`authsome env`: the variables as text for a shell, a file or the following CI steps."""

from __future__ import annotations

import os

from authsome_env.app.resolve import resolve
from authsome_env.deliver import formats
from authsome_env.errors import AuthsomeError, NotAllowed, StorageError

from .invocation import OutputClosed
from .setting import selection_of, workspace_of
from .shell import calling_shell, parent_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from authsome_env.app.resolve import Resolution, Selection

    from .flags import EnvOptions
    from .invocation import Invocation

_ARTIFACT_LIFETIME_S = 3600.0
_HIDDEN = "values are hidden on a terminal; --show-secret prints them"


def env(options: EnvOptions, invocation: Invocation) -> int:
    format_ = format_of(options.format, invocation)
    try:
        selection = selection_of(options)
        if options.unset:
            _print_unset(selection, format_, invocation)
            return 0
        resolution = find_variables(selection, format_, invocation, to_artifact=options.to_artifact)
        print_variables(
            resolution,
            format_,
            invocation,
            typed=lambda: _words(options),
            quoted=options.quoted,
            show_secret=options.show_secret,
        )
        return 0
    except Exception as error:
        failed(format_, invocation, error.exit_code if isinstance(error, AuthsomeError) else 1)
        raise


def _words(options: EnvOptions) -> list[str]:
    from .loading import env_words  # for a terminal alone

    return env_words(options)


def format_of(wanted: str | None, invocation: Invocation) -> str:
    """The wanted format; else JSON with --json; else the calling shell's."""
    if wanted:
        return wanted
    if invocation.json:
        return "json"
    return calling_shell(invocation.environ, parent_name())


def failed(wanted: str | None, invocation: Invocation, exit_code: int) -> None:
    """Give a shell that evaluates our output a statement with our exit status."""
    statement = formats.failure(format_of(wanted, invocation), exit_code)
    if statement and not _is_terminal(invocation):
        try:
            invocation.data(statement)
        except (StorageError, OutputClosed):
            pass  # the error itself is on its way to stderr


def _print_unset(selection: Selection, format_: str, invocation: Invocation) -> None:
    """Also what would be left out; that is no reason to warn, for nothing is missed when all goes."""
    formats.render_unset(format_, ())  # a format that cannot do it is the first thing to say
    resolution = resolve(workspace_of(invocation), selection, renewing=False)
    names = sorted({*resolution.variables, *resolution.removed})
    invocation.data(formats.render_unset(format_, names))


def find_variables(
    selection: Selection, format_: str, invocation: Invocation, *, to_artifact: bool
) -> Resolution:
    """Resolve, warn, and keep to what the format allows. Raises UsageError for an unknown format."""
    formats.check(format_)
    if format_ == "gitlab" and not to_artifact:
        raise NotAllowed(
            "a gitlab report is an artifact that others can download",
            "use authsome run in each job instead, or agree with --to-artifact",
        )
    if format_ == "github":
        _github_file(invocation)
    resolution = resolve(workspace_of(invocation), selection)
    if format_ == "gitlab":
        _keep_short_lived(selection, resolution, invocation)
    if not invocation.quiet:
        for warning in resolution.warnings:
            invocation.warn(warning)
    return resolution


def print_variables(
    resolution: Resolution,
    format_: str,
    invocation: Invocation,
    *,
    typed: Callable[[], list[str]],
    quoted: bool,
    show_secret: bool,
) -> None:
    """`typed`: the words of the command line, for a terminal, where only names are shown.

    Raises CannotExpress for a value that the format cannot hold; then nothing was printed.
    """
    if format_ == "github":
        _write_github(resolution, invocation)
    elif _is_terminal(invocation) and not show_secret:
        _show_redacted(resolution, format_, invocation, typed)
    else:
        values, removed = resolution.values(), resolution.removed
        if "AUTHSOME_RUN" in invocation.environ and format_ in formats.SHELLS:
            from authsome_env.app.outer import changes

            back, gone = changes(invocation.environ)
            values = {**back, **values}
            removed = (removed | gone) - values.keys()
        invocation.data(formats.render(format_, values, sorted(removed), quoted=quoted))


def _is_terminal(invocation: Invocation) -> bool:
    return invocation.stdout is not None and os.isatty(invocation.stdout)


def _show_redacted(
    resolution: Resolution, format_: str, invocation: Invocation, typed: Callable[[], list[str]]
) -> None:
    if format_ == "json":
        invocation.data(formats.render(format_, dict.fromkeys(resolution.variables, b"***")))
        invocation.say(_HIDDEN)
        return
    for name, variable in sorted(resolution.variables.items()):
        invocation.data(f"{name}=***  ({variable.connection.reference})\n")
    if format_ in formats.SHELLS:
        from .loading import loading_line

        line = loading_line(format_, typed(), vault=invocation.vault)
        invocation.say(f"to load them into this shell: {line}")
    else:
        invocation.say(_HIDDEN)


def _keep_short_lived(selection: Selection, resolution: Resolution, invocation: Invocation) -> None:
    """GitLab stores a dotenv report where every developer of the project can download it."""
    latest = invocation.now() + _ARTIFACT_LIFETIME_S
    for name, variable in list(resolution.variables.items()):
        expires_at = variable.connection.expires_at
        if expires_at is None or expires_at > latest:
            why = f"{name} of {variable.connection.reference} does not expire within the hour"
            if selection.named or selection.strict:
                raise NotAllowed(
                    f"{why}, too long for an artifact", "use authsome run in the job that needs it"
                )
            del resolution.variables[name]
            resolution.warnings.append(f"{why} and is left out")
    resolution.warnings.append("the report can be downloaded with the job's artifacts")


def _write_github(resolution: Resolution, invocation: Invocation) -> None:
    """First the masks, then the variables: no later step may print what the runner does not know yet."""
    path = _github_file(invocation)
    masks, text = formats.github(resolution.values(), lambda: "authsome_" + invocation.random(16).hex())
    if not _is_terminal(invocation):  # there is no runner, but somebody who would see the values
        invocation.data(masks)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if os.write(descriptor, text) != len(text):
                os.ftruncate(descriptor, size)
                raise StorageError(f"cannot write all of {path}", "free some space on that disk")
        finally:
            os.close(descriptor)
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise StorageError(f"cannot write {path} (GITHUB_ENV): {reason}", "check that variable") from None
    invocation.say(
        f"wrote {', '.join(resolution.variables) or 'nothing'} to the file of GITHUB_ENV, in clear"
    )


def _github_file(invocation: Invocation) -> str:
    path = invocation.environ.get("GITHUB_ENV")
    if not path:
        raise NotAllowed("GITHUB_ENV is not set", "use --format github in a step of a GitHub Actions job")
    return path
