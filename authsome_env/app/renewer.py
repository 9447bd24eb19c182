"""The helper process that renews one connection: `python -P -m authsome_env.app.renewer LOCK`.

Its standard input is a socket, over which it gets its order and says how it went (see `helper`); LOCK is the
descriptor of the connection's lock, which it holds until it ends. It commits before it says anything, and
nobody waits for it longer than he likes.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    if os.fork():
        os._exit(0)  # nobody's child: whoever started us may become a command that waits for its own alone
    os.write(0, os.getpid().to_bytes(4, "big"))  # process 1 and a subreaper get us back, see `helper`
    import signal
    import socket

    from authsome_env.supervise.harden import harden, ignore

    # What was asked for cannot be called back; it ends soon anyway.
    ignore((signal.SIGHUP, signal.SIGINT, signal.SIGTERM))
    harden()

    with socket.socket(fileno=0) as channel:
        order = bytearray()
        while chunk := channel.recv(65536):
            order += chunk
        if not order:
            return  # whoever wanted this is gone, and nothing was begun
        from authsome_env.errors import AuthsomeError
        from authsome_env.packed import pack

        from .helper import sent_word
        from .renewing import Renewing, order_of

        def tell(content: bytes) -> None:
            try:
                channel.sendall(content)
            except OSError:
                pass  # nobody listens any more; the vault says it all

        renewing = Renewing(order_of(bytes(order)), lock=int(sys.argv[1]), environ=os.environ)
        try:
            renewing.carry_out(sent=lambda: tell(sent_word()))
            tell(pack({"name": b""}))
        except AuthsomeError as error:
            told = {"name": error.name, "message": error.message, "hint": error.hint}
            tell(pack({name: text.encode("utf-8", "replace") for name, text in told.items()}))
        except Exception as error:  # noqa: BLE001 - a traceback would show values, and nobody would see it
            message = f"the refresh failed unexpectedly ({type(error).__name__})"
            tell(pack({"name": b"unexpected", "message": message.encode(), "hint": b""}))


if __name__ == "__main__":
    main()
