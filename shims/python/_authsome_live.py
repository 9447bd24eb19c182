"""The live environment of a Python program: it finds the newest values of its run whenever it looks.

`os.environ` stays the object it was. The dictionary that it keeps its bytes in is replaced by one that looks
at the run's file `live` (see `authsome_env/deliver/live.py` for the notation) at a lookup, at most every half
a millisecond, and answers with the newest value where the one that it holds was delivered by the run. It
never changes what it holds, so it has no race with the program, whose own values and deletions win for good.

Children that are started without an environment of their own, and libraries in C, have the environment of C.
It is written when a change is noticed, and the functions that start a child look first: they are wrapped. An
audit hook would show less, but makes every event dearer by 0.1 us, `id()` among them, and so `copy.deepcopy`
twice as slow. No thread either: it would show, and newer versions warn of a fork beside one.

Whatever goes wrong here, the values stay as they are, and nothing is raised or said.

For Python 2.7 and all that came after; loads nothing that the interpreter has not loaded itself but
`_posixsubprocess`, in which children are started.
"""

PAUSE_S = 0.0005  # between two looks: an lstat(2) costs ten times as much as the rest of a lookup
DEAD_S = 1.0  # after which a look is none: its thread was interrupted, or is on the other side of a fork
LARGEST = 1 << 26  # a file; a hundred variables that have changed a thousand times make an eighth of that
WHOLE = b"authsome-live 1 ", b"\n.\n"


class kernel(object):
    """In a class, where tests that stop the time or replace files do not reach, which go by modules."""

    from posix import O_NONBLOCK, O_RDONLY, close, fstat, geteuid, lstat, open, putenv, read, unsetenv

    try:
        from posix import O_CLOEXEC, O_NOFOLLOW
    except ImportError:  # Python 2 has not the first, and runs on Linux by now
        O_CLOEXEC, O_NOFOLLOW = 0o2000000, 0o400000
    try:
        from _thread import allocate_lock
        from time import monotonic as clock
    except ImportError:  # Python 2
        from time import time as clock

        from thread import allocate_lock


class Variable(dict):
    """By the value that is held, what it stands for: the newest, or itself if it was not delivered."""

    __slots__ = ("file", "name", "newest")

    def __init__(self, name, newest, file):
        dict.__init__(self)
        self.name, self.newest, self.file = name, newest, file
        self[newest] = newest

    def __missing__(self, held):
        try:
            line = b"\n-" + self.name + b"=" + sha256(held) + b"\n"
        except Exception:  # no descriptor is left to load it with: asked again, so not noted
            return held
        value = self.newest if line in self.file else held
        if len(self) < 50:
            self[held] = value
        return value


class Live(dict):
    """The dictionary behind `os.environ` and `os.environb`."""

    __slots__ = ("begun", "clock", "direct", "known", "lock", "path", "seen", "since", "until")

    def __init__(self, values, path):
        dict.__init__(self, values)
        self.path = path
        self.clock = kernel.clock
        self.since = self.until = self.begun = 0.0  # of the last look; it is due again outside of these two
        self.lock = kernel.allocate_lock()
        self.seen = None  # what stat(2) said of the file that was taken in
        self.known = {}  # name: Variable; replaced as a whole
        self.direct = set()  # names that the program gave to C by os.putenv itself

    def __getitem__(self, name):
        now = self.clock()
        if not self.since <= now < self.until:  # both: the clock of Python 2 can be set back
            self.look(now)
        value = dict.__getitem__(self, name)
        variable = self.known.get(name)
        return value if variable is None else variable[value]

    def __setitem__(self, name, value):
        dict.__setitem__(self, name, value)
        self.direct.discard(name)
        self.follow(name)

    def __delitem__(self, name):
        dict.__delitem__(self, name)
        self.direct.discard(name)
        self.follow(name)

    # The rest of a dictionary that reads. `os` itself needs these in Python 2, and for `repr`.

    def get(self, name, default=None):
        try:
            return self[name]
        except KeyError:
            return default

    def copy(self):
        self.fresh()
        values = dict(self)
        for name, variable in self.known.items():
            if name in values:
                values[name] = variable[values[name]]
        return values

    def pop(self, name, *default):
        if name not in self:
            return dict.pop(self, name, *default)
        value = self[name]
        del self[name]
        return value

    def items(self):
        return self.copy().items()

    def values(self):
        return self.copy().values()

    def iteritems(self):
        return iter(self.items())

    def itervalues(self):
        return iter(self.values())

    def __repr__(self):
        return repr(self.copy())

    def __eq__(self, other):
        return self.copy() == other

    def __ne__(self, other):
        return not self == other

    def __cmp__(self, other):
        return cmp(self.copy(), other)  # noqa: F821 - asked for by Python 2 alone

    __hash__ = None

    def __reduce_ex__(self, protocol):
        return dict, (self.copy(),)  # a copy is no more live, nor needs this module

    def fresh(self):
        """Look, if it is due."""
        now = self.clock()
        if not self.since <= now < self.until:
            self.look(now)

    def look(self, now):
        """Take in the file if it has changed. One at a time, so that nothing old follows upon something new;
        who comes second does not wait, since the first may be below it: it is in a signal's handler.
        """
        try:
            self.since, self.until = now, now + PAUSE_S
            lock = self.lock
            if not lock.acquire(False):
                if 0 <= now - self.begun < DEAD_S:
                    return
                lock = self.lock = kernel.allocate_lock()
                lock.acquire(False)
            try:
                self.begun = now
                if mark(kernel.lstat(self.path)) != self.seen:
                    self.take(lock)
            finally:
                lock.release()
        except Exception:
            pass

    def take(self, lock):
        """Raises OSError: there is none, or no descriptor is left; tried again at the next look."""
        seen, file = read(self.path)
        if self.lock is not lock:
            return
        before, known = self.known, dict(self.known)
        for name, newest in parse(file):
            variable = known[name] = Variable(name, newest, file)
            held = dict.get(self, name)
            old = before.get(name)
            if held is not None and old is not None and old[held] == old.newest:
                variable[held] = newest  # delivered, also when it is too long ago for the file
        self.known = known
        for name, variable in known.items():
            held = dict.get(self, name)
            if (
                held is not None
                and variable[held] == variable.newest
                and (name in before or held != variable.newest)
            ):
                self.follow(name)
        # Last: what a signal interrupts is done again. Also of what is not whole, since that will be another.
        self.seen = seen

    def follow(self, name):
        """Give C what this dictionary answers. Written again if the program changes it meanwhile: it may have
        written to C before us, and to the dictionary after us. Nothing is added there, so it moves nothing.
        """
        try:
            if name not in self.known or name in self.direct:
                return
            while name in self:
                held = dict.get(self, name)
                kernel.putenv(name, self.known[name][held])
                if dict.get(self, name) is held:
                    return
            kernel.unsetenv(name)
        except Exception:
            pass

    def put_directly(self, name, *value):
        """The program calls `os.putenv` or `os.unsetenv`, maybe by `os.environ`, which tells us next."""
        name = name if isinstance(name, bytes) else name.encode("ascii")
        if name in self.known:
            self.direct.add(name)

    def unlock(self):
        """After a fork, in the child: who had the lock may be in the parent."""
        self.lock = kernel.allocate_lock()

    def starting(self, *arguments, **options):
        self.fresh()


class Before(object):
    """A function of the interpreter with something to do first. No Python function, since those turn into
    methods as attributes of a class; found by its name when it is pickled; the same in all that one can ask.
    """

    def __init__(self, function, first):
        self.__wrapped__ = function
        self.__module__ = function.__module__
        self.__doc__ = function.__doc__
        self._first = first

    def __call__(self, *arguments, **options):
        try:
            self._first(*arguments, **options)
        except Exception:
            pass
        return self.__wrapped__(*arguments, **options)

    def __getattr__(self, name):
        if name == "__wrapped__":
            raise AttributeError(name)
        return getattr(self.__wrapped__, name)

    def __repr__(self):
        return repr(self.__wrapped__)

    def __reduce__(self):
        return self.__wrapped__.__name__


def mark(found):
    """What differs when the file does. Not the time of its contents, which a chmod leaves as it is."""
    return found.st_ctime, found.st_ino, found.st_size


def read(path):
    """Its mark, and its text: empty if it is nothing to be believed. Raises OSError."""
    descriptor = kernel.open(path, kernel.O_RDONLY | kernel.O_NONBLOCK | kernel.O_NOFOLLOW | kernel.O_CLOEXEC)
    try:
        found = kernel.fstat(descriptor)
        parts = []
        if (
            found.st_mode & 0o170000 == 0o100000  # a file
            and found.st_uid == kernel.geteuid()
            and not found.st_mode & 0o022
            and found.st_size <= LARGEST
        ):
            part = kernel.read(descriptor, found.st_size + 1)
            while part:
                parts.append(part)
                part = kernel.read(descriptor, found.st_size + 1)
        return mark(found), b"".join(parts)
    finally:
        kernel.close(descriptor)


def parse(file):
    """The newest value of each variable; none if the file is not whole."""
    values = []
    if not file.startswith(WHOLE[0]) or not file.endswith(WHOLE[1]) or b"\0" in file:
        return values
    at = file.find(b"\n=")  # a line of the notation, since no value has a newline in there
    while at >= 0:
        end = file.index(b"\n", at + 2)
        name, equals, value = file[at + 2 : end].partition(b"=")
        if not name or not equals:
            return []
        if b"\\" in value:
            value = b"\\".join(map(newlines, value.split(b"\\\\")))
        values.append((name, value))
        at = file.find(b"\n=", end)
    return values


def newlines(part):
    return part.replace(b"\\n", b"\n")


def sha256(value, algorithm=[]):
    if not algorithm:
        try:
            from _sha2 import sha256 as found  # `hashlib` loads OpenSSL
        except ImportError:
            try:
                from _sha256 import sha256 as found  # before Python 3.12
            except ImportError:
                from hashlib import sha256 as found
        algorithm.append(found)
    return algorithm[0](value).hexdigest().encode("ascii")


def start():
    """Make this program live, if it is in a run whose folder is there and ours. Raises whatever there is."""
    import os
    import posix
    import sys

    folder = os.environ.get("AUTHSOME_RUN", "")
    data = "_data" if hasattr(os.environ, "_data") else "data"  # Python 2
    values = getattr(os.environ, data)
    if not folder.startswith("/") or isinstance(values, Live) or not ours(folder):
        return
    live = Live(values, folder + "/live")
    live.fresh()  # before anything in C asks
    setattr(os.environ, data, live)
    if hasattr(os, "environb"):
        os.environb._data = live
    posix.environ = live  # the very same dictionary before; `os` begins with it when it is loaded again
    for name in ("execv", "popen", "posix_spawn", "posix_spawnp", "system"):
        wrap((posix, os), name, live.starting)
    for name in ("putenv", "unsetenv"):
        wrap((posix, os), name, live.put_directly)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=live.unlock)
    try:
        import _posixsubprocess
    except ImportError:  # Python 2, where `subprocess` calls execv
        return
    wrap((_posixsubprocess,), "fork_exec", live.starting)
    if "subprocess" in sys.modules:  # loaded by a .pth file, and it has the function by another name
        sys.modules["subprocess"]._fork_exec = _posixsubprocess.fork_exec


def ours(folder):
    found = kernel.lstat(folder)
    return (
        found.st_mode & 0o170000 == 0o040000
        and found.st_uid == kernel.geteuid()
        and not found.st_mode & 0o022
    )


def wrap(modules, name, first):
    function = getattr(modules[0], name, None)
    if function is not None:
        wrapped = Before(function, first)
        for module in modules:
            setattr(module, name, wrapped)
