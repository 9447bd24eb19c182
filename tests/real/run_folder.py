"""The folder of a run, as a keeper writes it, and the part of the keeper that hears `ask`."""

from __future__ import annotations

import json
import os
import tempfile
import threading

import pytest

from authsome_env.deliver import ram

TIMEOUT_S = 60.0


def connection(**changes):
    """One of the file `connections`."""
    return {
        "id": os.urandom(16).hex(),
        "provider": "acme",
        "name": "work",
        "named": True,
        "account_id": None,
        "account": None,
        "base_url": None,
        "status": "connected",
        "expires_at": None,
        "generation": 1,
        "renewable": True,
        "git_hosts": [],
        "git_user": "",
        "docker_hosts": [],
        "fields": {},
        "public": [],
        **changes,
    }


class RunFolder:
    """`asked`: the lines that came through the fifo. `renew(connection)`: what becomes of one, in place.
    `answered`: one was.
    """

    def __init__(self, path, *connections) -> None:
        self.path = path
        self.connections = list(connections)
        self.asked = []
        self.renew = lambda each: each.update(generation=each["generation"] + 1)
        self.answered = threading.Event()
        self._thread = None
        self.write()

    @property
    def environ(self):
        return {"AUTHSOME_RUN": self.path}

    def write(self):
        document = {"version": 1, "connections": self.connections}
        ram.replace_file(os.path.join(self.path, "connections"), json.dumps(document).encode())

    def listen(self):
        path = os.path.join(self.path, "ask")
        os.mkfifo(path, 0o600)
        self._reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._writer = os.open(path, os.O_WRONLY)  # so that its end never comes
        os.set_blocking(self._reader, True)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self):
        with open(self._reader, "rb", buffering=0, closefd=False) as fifo:
            for line in iter(fifo.readline, b"\n"):
                self.asked.append(line)
                connection_id, generation = line.split()
                for each in self.connections:
                    if (each["id"], each["generation"]) == (connection_id.decode(), int(generation)):
                        self.renew(each)
                        self.write()
                self.answered.set()

    def stop_listening(self):
        """The keeper is dead; its fifo is there."""
        if self._thread is not None:
            os.write(self._writer, b"\n")
            self._thread.join(TIMEOUT_S)
            os.close(self._reader)
            os.close(self._writer)
            self._thread = None


@pytest.fixture
def make_run():
    """`make_run(connection, …)`: a folder in memory, as a run has it."""
    made = []

    def make(*connections):
        folder = tempfile.mkdtemp(prefix="authsome-test-run-", dir="/dev/shm")
        made.append(RunFolder(folder, *connections))
        return made[-1]

    yield make
    for run in made:
        run.stop_listening()
        ram.remove_tree(run.path)
