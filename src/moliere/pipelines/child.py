"""A step's process: it ends with the one that started it, however that dies, and tells it how far it is."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress

from moliere import audience

#: seconds between two messages
_PAUSE = 0.25

#: the program: the command line behind a channel to who started it; ``-P`` keeps files beside a pipeline from being
#: imported as modules
PROGRAM = (
    *(sys.executable, "-P", "-c"),
    """
import sys
from moliere.pipelines.child import hold
hold(int(sys.argv.pop(1)))
from moliere.cli import main
sys.exit(main())
""",
)


def hold(descriptor: int) -> None:
    """Keep the channel to the process that started this one.

    Args:
        descriptor: of a socket; its other end closes when that process dies.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # who was started in the background ignores Ctrl-C
    channel = socket.socket(fileno=descriptor)
    threading.Thread(target=_end_with, args=(channel,), daemon=True).start()
    audience.listen(_Teller(channel))


def _end_with(channel: socket.socket) -> None:
    with suppress(OSError):
        channel.recv(1)
    os.kill(os.getpid(), signal.SIGKILL)


class _Teller:
    """Sends progress, not too often."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._next = 0.0

    def __call__(self, fraction: float | None, words: str) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PAUSE
            with suppress(OSError):
                self._channel.sendall(json.dumps([fraction, words]).encode() + b"\n")
