"""The terminal between one command and the next: its modes as the first one found them, its foreground ours.

Who is killed cannot tidy up. A program that ends by itself is left alone in that: what it has done to the
modes it meant to do.
"""

from __future__ import annotations

import os
import termios


class Modes:
    def __init__(self) -> None:
        self._descriptor: int | None = None
        for descriptor in (0, 1, 2):
            try:
                if os.tcgetpgrp(descriptor) != os.getpgrp():
                    break  # somebody else's turn
                self._modes = termios.tcgetattr(descriptor)
                self._descriptor = descriptor
                break
            except (OSError, termios.error):
                continue

    def restore(self) -> None:
        """TTOU is blocked. Never raises."""
        if self._descriptor is None:
            return
        try:
            foreground = os.tcgetpgrp(self._descriptor)
            if foreground != os.getpgrp():
                if not _is_empty(foreground):
                    return  # a shell has put us into the background
                os.tcsetpgrp(self._descriptor, os.getpgrp())
            if termios.tcgetattr(self._descriptor) != self._modes:
                termios.tcsetattr(self._descriptor, termios.TCSANOW, self._modes)
        except (OSError, termios.error):
            pass


def hand_over(group: int) -> None:
    """The foreground, if a shell has just given it to us. TTOU is blocked. Never raises."""
    try:
        descriptor = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if os.tcgetpgrp(descriptor) == os.getpgrp():
            os.tcsetpgrp(descriptor, group)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def _is_empty(group: int) -> bool:
    try:
        os.killpg(group, 0)
        return False
    except ProcessLookupError:
        return True
    except OSError:
        return False
