"""The folder of a run: in memory, ours alone, and gone afterwards.

    <base>/<run>/       0700, as its base is
        record          what the run says of itself; no secret
        link            where the symlink of --path lies, if there is one
        …               what the delivery writes

A base lies in $XDG_RUNTIME_DIR, in /dev/shm, or where temporary files do. The first that can be used is used.
Others may write to the folders that hold the bases, so a base is made by mkdir, which follows no symlink and
takes over nothing, and looked at by lstat before anything is put into it; the sticky bit keeps it ours.

Whether a folder is in memory is asked of the kernel's list of mounts, by the device number: the names of
places say nothing (a /dev/shm can be a bind mount of a disk), and so far Python cannot ask statfs(2).
"""

from __future__ import annotations

import os
import stat

from authsome_env.errors import NotAllowed, StorageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

RECORD = "record"
LINK = "link"

_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - both are used as the docstring says
_TEMPORARY = "/tmp"  # noqa: S108
_SESSION = "/run/user"
"""Where pam_systemd(8) makes the folders that XDG_RUNTIME_DIR names."""
_IN_MEMORY = frozenset((b"tmpfs", b"ramfs"))
_MOUNTS = "/proc/self/mountinfo"
_ATTEMPTS = 50
"""To make a folder while other runs of ours end, and take the base along that is empty for a moment."""


def base_folders(environ: Mapping[str, str]) -> list[str]:
    """Where runs of this user may lie, the best place first. Nothing is said of whether they exist."""
    own = f"authsome-{os.geteuid()}"
    bases = [os.path.join(_SHARED_MEMORY, own)]
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/"):  # "relative paths are to be ignored" (XDG Base Directory Specification)
        bases.insert(0, os.path.join(runtime, "authsome"))
    temporary = environ.get("TMPDIR", "")
    bases.append(os.path.join(temporary if temporary.startswith("/") else _TEMPORARY, own))
    return bases


def looked_at(environ: Mapping[str, str]) -> list[str]:
    """Where runs of this user may lie that were begun in another environment, say by cron, as well."""
    bases = base_folders(environ)
    own = f"authsome-{os.geteuid()}"
    for base in (f"{_SESSION}/{os.geteuid()}/authsome", os.path.join(_TEMPORARY, own)):
        if base not in bases:
            bases.append(base)
    return bases


def may_survive_boot(folder: str) -> bool:
    """Whether it may be on a disk. Not asked of the kernel, since each authsome asks it of each run."""
    return not folder.startswith((f"{_SHARED_MEMORY}/", "/run/"))


def run_folder(environ: Mapping[str, str], run: str, *, in_ram: bool = True) -> str:
    """Make the folder of the run named `run`; its path. `in_ram`: nowhere but in memory will do.

    Raises NotAllowed, which says of each place why it will not do.
    """
    refused = []
    for base in base_folders(environ):
        folder = os.path.join(base, run)
        try:
            make_folder(folder, in_ram=in_ram)
        except (NotAllowed, StorageError) as error:
            refused.append(error.message)
        else:
            return folder
    hint = "set XDG_RUNTIME_DIR to a folder of yours that only you can write to"
    if in_ram:
        hint += ", on a tmpfs; or use --deliver fifo, which needs none"
    raise NotAllowed(f"there is no place for the files of this run: {'; '.join(refused)}", hint)


def make_folder(folder: str, *, in_ram: bool = True) -> None:
    """Make `folder` and its base if they are not there; look at them in any case.

    Raises NotAllowed (not ours, open to others, not in memory), StorageError.
    """
    base = os.path.dirname(folder)
    place = os.path.dirname(base)
    for attempt in range(_ATTEMPTS):
        try:
            device = _check_place(place, in_ram=in_ram)
            _make(base)
            _make(folder)
            if os.lstat(folder).st_dev != device:
                raise NotAllowed(f"{base} is not on the file system of {place}")
            return
        except FileNotFoundError as error:
            if attempt == _ATTEMPTS - 1 or not os.path.isdir(place):
                raise storage_error(error, folder) from None
        except OSError as error:
            raise storage_error(error, folder) from None


def replace_file(path: str, data: bytes) -> None:
    """Put `data` at `path` in one step, 0600 from the first moment. One writer at a time.

    Raises StorageError; what was there is there then, and nothing is left over. Not made durable.
    """
    draft = path + ".new"
    try:
        remove_file(draft)  # of a killed process
        create_file(draft, data)
        try:
            os.rename(draft, path)
        except OSError:
            os.unlink(draft)
            raise
    except OSError as error:
        raise storage_error(error, path) from None


def create_file(path: str, data: bytes) -> None:
    """A new 0600 file, whole or absent. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)  # a umask may have taken our own rights; it can never have added any
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError:
        os.unlink(path)
        raise
    finally:
        os.close(descriptor)


def remove_file(path: str) -> None:
    """Raises OSError for anything but its absence."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def remove_tree(path: str) -> None:
    """A file, or a folder with all that is in it; follows no symlink. Never raises."""
    try:
        if stat.S_ISDIR(os.lstat(path).st_mode):
            _empty(path)
            os.rmdir(path)
        else:
            os.unlink(path)
    except OSError:
        pass


def clear(folder: str) -> None:
    """Remove all that is left of a run: its symlink, its files, its folder. Never raises.

    The record goes last, so that a clearing that is cut short is found and taken up again.
    """
    try:
        found = os.lstat(folder)
    except OSError:
        return
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return
    _remove_link(folder)
    _empty(folder, keep=RECORD)
    _empty(folder)
    for path in (folder, os.path.dirname(folder)):
        try:
            os.rmdir(path)
        except OSError:  # the base holds other runs
            return


def storage_error(error: OSError, path: str) -> StorageError:
    """`error` of the kernel as ours; the message names `path`."""
    return StorageError(
        f"cannot write {path}: {(error.strerror or 'error').lower()}",
        "look at the space that is left there (`df`), and at who may write there (`ls -ld`)",
    )


def _check_place(folder: str, *, in_ram: bool) -> int:
    """Its device number. Raises NotAllowed if others could replace a folder of ours in there, OSError."""
    found = os.stat(folder)
    if in_ram:
        _check_in_memory(folder, found.st_dev)
    if found.st_uid not in (0, os.geteuid()):
        raise NotAllowed(f"{folder} belongs to another user")
    if found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX:
        raise NotAllowed(f"others may write to {folder}")
    return found.st_dev


def _make(folder: str) -> None:
    """Raises NotAllowed if something else is there, OSError."""
    try:
        os.mkdir(folder, 0o700)
        os.chmod(folder, 0o700)  # as in create_file
    except FileExistsError:
        pass
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode):
        raise NotAllowed(f"{folder} is no folder")
    if found.st_uid != os.geteuid():
        raise NotAllowed(f"{folder} belongs to another user")
    if found.st_mode & 0o077:
        raise NotAllowed(f"{folder} is open to others")


def _check_in_memory(folder: str, device: int) -> None:
    kind = _file_system(device)
    if kind not in _IN_MEMORY:
        name = kind.decode("utf-8", "backslashreplace") if kind else "a file system of unknown type"
        raise NotAllowed(f"{folder} is on {name}, not in memory")


def _file_system(device: int) -> bytes:
    """The type of the mounted file system with that number; empty if it cannot be learned (macOS)."""
    wanted = b"%d:%d" % (os.major(device), os.minor(device))
    try:
        with open(_MOUNTS, "rb") as mounts:
            for line in mounts:  # proc(5): id parent major:minor root point options [tags] - type source …
                fields = line.split(b" ")
                if fields[2] == wanted:
                    return fields[fields.index(b"-", 6) + 1]
    except OSError:
        pass
    return b""


def _remove_link(folder: str) -> None:
    """The symlink of --path, if it still is the run's."""
    try:
        with open(os.path.join(folder, LINK), "rb") as file:
            link = file.read()
        if os.path.dirname(os.readlink(link)) == os.fsencode(folder):
            os.unlink(link)
    except (OSError, ValueError):
        pass


def _empty(folder: str, keep: str = "") -> None:
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        if name != keep:
            remove_tree(os.path.join(folder, name))
