"""What NODE_OPTIONS says to load our shim, and where the shim lies: a Node that cannot read it ends at once.

`--import=data:…` would need no file at all. It is not taken, as each of these was seen to happen:

    Node up to 18.17, and what has one inside   ends with exit 9 ("not allowed in NODE_OPTIONS"), always
    `node tool.run`, of any unknown extension   ends with ERR_UNKNOWN_FILE_EXTENSION, in 18 to 26
    a program in CommonJS, in 18 to 26          promises before process.nextTick; module.parent undefined
    start of an empty program, processor time   +27 % in Node 18, +15 % in 22; --require of a file: +1 %

`--require` does none of that, and each Node knows it, but its file must outlive whatever has it in the
environment, such as a terminal multiplexer or a daemon. So the file of an installation of one's own, which
pipx, uv and `rm -r .venv` take away, is copied to where none of them does:

    $XDG_DATA_HOME/authsome-live/node-1.cjs, else ~/.local/share/authsome-live/node-1.cjs

It is no secret, and lies beside our home, as a sandbox is right to hide that one. 1 is the version of the
notation of the live file: the shims of all our versions that share it can do each other's work. What root
has installed outside of their own home stays where it is, as all other users can read it there.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_FILE = os.path.join("node", "live.cjs")
_COPY = os.path.join("authsome-live", "node-1.cjs")
_LIMITED = (b"--permission", b"--experimental-permission")  # the second until Node 23.5


def option(present: Mapping[bytes, bytes], folder: str) -> bytes | None:
    """Ours, for a NODE_OPTIONS; None where Node would end of it. `folder`: that of the shims."""
    words = present.get(b"NODE_OPTIONS", b"").split()
    if any(word in _LIMITED for word in words) and b"--allow-fs-read=*" not in words:
        return None
    path = os.path.join(folder, _FILE)
    if _is_the_systems(path, present):
        return _require(path) if os.access(path, os.R_OK) else None
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError:
        return None
    copy = _copy(present)
    return _require(copy if copy and _keep(copy, content) else path)


def options(present: Mapping[bytes, bytes], folder: str) -> tuple[bytes, ...]:
    """All that `option` may ever have said."""
    return tuple(_require(path) for path in (os.path.join(folder, _FILE), _copy(present)) if path)


def _is_the_systems(path: str, present: Mapping[bytes, bytes]) -> bool:
    home = os.fsdecode(present.get(b"HOME", b"")).rstrip("/")
    if home.startswith("/") and os.path.realpath(path).startswith(os.path.realpath(home) + "/"):
        return False
    try:
        return os.stat(path).st_uid == 0
    except OSError:
        return False


def _copy(present: Mapping[bytes, bytes]) -> str:
    """Empty: the environment names no such place."""
    data = os.fsdecode(present.get(b"XDG_DATA_HOME", b""))
    home = os.fsdecode(present.get(b"HOME", b""))
    if data.startswith("/"):  # relative ones are to be ignored
        return os.path.join(data, _COPY)
    return os.path.join(home, ".local", "share", _COPY) if home.startswith("/") else ""


def _keep(copy: str, content: bytes) -> bool:
    """Have `content` there, for Nodes that read it at this moment too; False if that cannot be had."""
    folder = os.path.dirname(copy)
    try:
        _make_folder(folder)
        if not _is_ours_alone(os.stat(folder)):
            return False
        try:
            with open(copy, "rb") as file:
                if file.read() == content and _is_ours_alone(os.fstat(file.fileno())):
                    return True
        except FileNotFoundError:
            pass
        draft = f"{copy}.{os.getpid()}"
        try:
            with open(draft, "xb", opener=_for_all_to_read) as file:
                file.write(content)
            os.replace(draft, copy)
        except OSError:
            if os.path.lexists(draft):
                os.unlink(draft)
            raise
    except OSError:
        return False
    return True


# Nobody else may write to what every Node loads, whatever the umask is, and whoever made it.


def _is_ours_alone(found: os.stat_result) -> bool:
    return found.st_uid in (0, os.geteuid()) and not found.st_mode & 0o022


def _make_folder(path: str) -> None:
    if not os.path.isdir(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        try:
            os.mkdir(path, 0o755)
        except FileExistsError:
            return


def _for_all_to_read(path: str, flags: int) -> int:
    return os.open(path, flags, 0o644)


def _require(path: str) -> bytes:
    """In a form that each Node takes: up to 8 there is no `=` and no quoting.

    Others split at blanks outside of double quotes, in which a backslash quotes the next character.
    """
    word = os.fsencode(path)
    if set(b' "\\') & set(word):
        word = b'"' + word.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return b"--require " + word
