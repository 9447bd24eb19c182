"""What a keeper or supervisor says: in its run's record, and on the terminal where that was started."""

from __future__ import annotations

import os

from authsome_env.deliver import ram
from authsome_env.errors import AuthsomeError
from authsome_env.supervise import process, record, terminal, unsaid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from authsome_env.clock import Clock

    from .plan import Plan


class Status:
    def __init__(self, plan: Plan, *, now: Clock) -> None:
        self.plan = plan
        self.now = now
        self.began = now()
        self._boot = process.boot_id()
        self._start = process.start_of(os.getpid()) or 0
        self.next_refresh: float | None = None
        self._notice: str | None = None
        self._noticed_at: float | None = None
        self._shown = False
        self._unsaid: str | None = None
        """What is to be left for the next authsome to say, empty for nothing; None: that is done."""
        self._written: dict[str, record.Value] | None = None

    def say(self, text: str) -> None:
        """Once: the same again right after is left out."""
        if text == self._notice:
            return
        self._notice = text
        self._noticed_at = self.now()
        self._shown = terminal.say(self.plan.terminal, f"authsome: {text}", pid=self.plan.pid)
        self._unsaid = "" if self._shown else f"{self.plan.command} (process {self.plan.pid}): {text}"

    def refresh(self) -> None:
        """Write the record if it says something else by now, or is gone."""
        if self._fields() != self._written or not os.path.exists(os.path.join(self.plan.folder, ram.RECORD)):
            try:
                self.write()
            except AuthsomeError:
                return  # a full file system; the next time it is tried again
        if self._unsaid is not None:
            try:
                unsaid.leave(self.plan.folder, self._unsaid)
                self._unsaid = None
            except AuthsomeError:
                pass  # the same

    def write(self) -> None:
        """Raises NotAllowed, StorageError."""
        fields = self._fields()
        ram.make_folder(self.plan.folder, in_ram=False)
        record.write(self.plan.folder, fields)
        self._written = fields

    def _fields(self) -> dict[str, record.Value]:
        plan = self.plan
        run = record.Run.of(os.path.basename(plan.folder))
        return {
            "version": record.VERSION,
            "pid": plan.pid,
            "start": run.start if run else 0,
            "namespace": run.namespace if run else 0,
            "boot": self._boot,
            "keeper_pid": os.getpid(),
            "keeper_start": self._start,
            "command": plan.command,
            "vault": plan.place.vault,
            "connections": [str(bound.reference) for bound in plan.bound],
            "delivery": plan.delivery,
            "path": plan.path or None,
            "live": plan.live,
            "helpers": plan.helpers,
            "masked": plan.masked,
            "on_expiry": plan.on_expiry,
            "started_at": self.began,
            "next_refresh": self.next_refresh,
            "notice": self._notice,
            "noticed_at": self._noticed_at,
            "shown": self._shown,
        }
