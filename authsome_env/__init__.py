"""Log in once per account; hand programs short-lived credentials as environment variables.

    import authsome_env

    token = authsome_env.get_access_token("github", connection="work")

    with authsome_env.open_vault() as vault:
        for connection in vault.connections("github"):
            print(connection.name, connection.account)
        subprocess.run(command, env={**os.environ, **vault.environment("openai", "github:work")})

    client = httpx2.Client(auth=authsome_env.httpx_auth("github", connection="work"))

Errors are those of the command line, all of them an `AuthsomeError` with `exit_code`, `name` and `hint`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .api import Vault, get_access_token, httpx_auth, open_vault
    from .errors import AuthsomeError

__version__ = "0.1.0"
__all__ = ["AuthsomeError", "Vault", "get_access_token", "httpx_auth", "open_vault"]


def __getattr__(name: str) -> object:
    """The public names are loaded when they are used, so that the command line starts without them."""
    if name == "AuthsomeError":
        from .errors import AuthsomeError

        return AuthsomeError
    if name in __all__:
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
