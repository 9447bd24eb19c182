"""The environment of our own processes: keepers and helpers."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# What a program needs to speak TLS from here. No PYTHON*, no SSLKEYLOGFILE, nothing of the user's shell.
_PASSED = frozenset(
    {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR"}
    | {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}
    | {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
)


def built_environment(environ: Mapping[str, str]) -> dict[str, str]:
    built = {name: value for name, value in environ.items() if name in _PASSED}
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if places := built.get(name):  # relative to a folder that our processes are not in
            built[name] = os.pathsep.join(os.path.abspath(place) for place in places.split(os.pathsep))
    return built
