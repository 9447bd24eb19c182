"""The helper process of a keeper: `python -P -m authsome_env.app.updater`, its standard input a socket.

It is sent an `errand.Errand`, and answers with findings by connection id. It looks at all the connections of
the run, after renewing one of them if it is told to. It may be started before it is time: then it gets ready
and waits. Nobody waits for it, and nobody ends it.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    import _signal as signal


def main() -> None:
    from authsome_env.supervise.harden import harden, ignore

    # What was asked for cannot be called back; it ends soon anyway.
    ignore((signal.SIGHUP, signal.SIGINT, signal.SIGTERM))
    harden()
    import socket

    with socket.socket(fileno=0) as channel:
        order = bytearray()
        while chunk := channel.recv(65536):
            order += chunk
        if not order:
            return
        from .errand import Errand
        from .updating import Updating

        errand = Errand.unpack(bytes(order))
        report = Updating(errand, os.environ, channel=channel.fileno()).carry_out()
        try:
            channel.sendall(report)
        except OSError:
            pass  # the run is over


if __name__ == "__main__":
    main()
