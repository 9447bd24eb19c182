"""What a keeper tells the programs of its run: the files of its folder that shims and helpers read.

    live          the newest value of each variable; see `deliver.live`
    connections   JSON: {"version": 1, "connections": [{"id": …, "status": …, "fields": {…}, …}]}
    additions     what the command's environment has got besides; see `deliver.additions`
    aws-config    and what else `deliver.helpers` has made

Only in memory, each replaced by one rename, and made again if somebody removes them. A token that is dead
stays in `live`, where nothing is ever taken away; in `connections` it has no fields.
"""

from __future__ import annotations

import os

from authsome_env.deliver import additions, aws_config, json_text, ram
from authsome_env.deliver.live import Live
from authsome_env.errors import AuthsomeError
from authsome_env.model import ACCESS_KEY

from . import schedule
from .run_folder import CONNECTIONS, VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from authsome_env.deliver.json_text import Value

    from .held import Held
    from .plan import Bound, Plan, State


def entry(bound: Bound, state: State, status: str) -> dict[str, Value]:
    """One connection, as the file has it."""
    dead = status in ("expired", "invalid")
    return {
        "id": bound.id,
        "provider": bound.reference.provider,
        "name": bound.reference.connection,
        "named": bound.named,
        "account_id": bound.account_id,
        "account": bound.account,
        "base_url": bound.base_url,
        "status": status,
        "expires_at": state.expires_at,
        "generation": state.generation,
        "renewable": state.renewable,
        "git_hosts": bound.git_hosts,
        "git_user": bound.git_user,
        "docker_hosts": bound.docker_hosts,
        "fields": {} if dead else {name: _text(value) for name, value in state.fields.items()},
        "public": bound.public,
    }


class Telling:
    """The files of one run: `begin`, and then `update` whenever something may be new."""

    def __init__(self, plan: Plan) -> None:
        self._folder = plan.folder
        self._files = {additions.FILE: plan.additions, **plan.files}
        """What never changes."""
        self._helpers = plan.helpers
        self._live = Live(plan.folder)
        self._values: Mapping[str, bytes] | None = None
        """As `live` has them."""
        self._connections: bytes | None = None
        """As they are told."""
        self._failures = 0
        self.retry_at: float | None = None
        """When to try again what could not be written (Unix seconds)."""

    def begin(self, held: Iterable[Held], now: float) -> None:
        """Raises NotAllowed, StorageError."""
        self._write(*self._content(held, now))

    def update(self, held: Sequence[Held], now: float) -> tuple[bool, str]:
        """Whether all is told, and what there is to say of it if not: once, until it is."""
        values, connections = self._content(held, now)
        if values == self._values and connections == self._connections and not self._lost():
            self._failures = 0
            self.retry_at = None
            return True, ""
        if self.retry_at is not None and now < self.retry_at <= now + schedule.LONGEST_PAUSE_S:
            return False, ""
        try:
            self._write(values, connections)
        except AuthsomeError as error:
            self._failures += 1
            self.retry_at = now + schedule.pause(self._failures, 0.0)
            return False, f"{error.message}: {error.hint}" if self._failures == 1 else ""
        self._failures = 0
        self.retry_at = None
        return True, ""

    def _write(self, values: Mapping[str, bytes], connections: bytes) -> None:
        ram.make_folder(self._folder, in_ram=True)
        for name, content in self._files.items():
            if not self._is_there(name):
                ram.replace_file(os.path.join(self._folder, name), content)
        if values != self._values or self._live.lost():
            self._values = None
            self._live.write(values)
            self._values = values
        if connections != self._connections or not self._is_there(CONNECTIONS):
            self._connections = None
            ram.replace_file(os.path.join(self._folder, CONNECTIONS), connections)
            self._connections = connections

    def _lost(self) -> bool:
        return self._live.lost() or not all(map(self._is_there, (CONNECTIONS, *self._files)))

    def _is_there(self, name: str) -> bool:
        return os.path.exists(os.path.join(self._folder, name))

    def _content(self, held: Iterable[Held], now: float) -> tuple[dict[str, bytes], bytes]:
        values: dict[str, bytes] = {}
        entries = []
        for each in held:
            values |= each.state.values
            if self._helpers and each.bound.named:
                values |= _end_of_key(each.state)
            entries.append(entry(each.bound, each.state, each.status(now)))
        return values, json_text.write({"version": VERSION, "connections": entries}).encode() + b"\n"


def _end_of_key(state: State) -> dict[str, bytes]:
    """What `deliver.helpers` adds to an environment that holds this access key."""
    held = state.values.get(aws_config.KEY_ID.decode())
    if state.expires_at is None or not state.fields.keys() >= ACCESS_KEY or held is None:
        return {}
    if held != state.fields["access_key_id"]:
        return {}
    return {aws_config.END: aws_config.iso_8601(state.expires_at).encode()}


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
