"""One of the processes that train together, as :mod:`moliere.training.launch` starts it."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Client, Connection
from pathlib import Path

from rich.console import Console

from moliere import audience
from moliere.errors import MoliereError


def main(order: Path) -> int:
    """Train as the order says; errors and progress go to the process that gave it."""
    table, folder, words, (address, key) = pickle.loads(order.read_bytes())
    line = Client(address, "AF_UNIX", authkey=key)
    threading.Thread(target=_end_with, args=(line,), daemon=True).start()
    try:
        _train(table, folder, words, line)
    except (MoliereError, KeyboardInterrupt) as error:
        with suppress(OSError):
            line.send(error)
        return 1
    return 0


def _train(table: dict[str, object], folder: Path, words: dict[str, bool], line: Connection) -> None:
    from moliere.plugins import load_plugins
    from moliere.training import fit
    from moliere.training.recipe import parse_recipe

    def tell(fraction: float | None, text: str) -> None:
        with suppress(OSError):
            line.send((fraction, text))

    audience.listen(tell)
    for _ in load_plugins():  # what is wrong with one has been said already
        pass
    console = Console(stderr=True) if words["bar"] else None
    fit(parse_recipe(table), folder, resume=words["resume"], overwrite=words["overwrite"], console=console)


def _end_with(line: Connection) -> None:
    """End in good order when the process that started this one is gone."""
    with suppress(OSError, EOFError):
        line.recv()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
