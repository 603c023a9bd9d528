"""Whether a scheduler is where it is said to be, found out before Dask and torch are imported.

Dask tries a dead port until its time is over, and takes the first bytes of whatever answers for a length.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from moliere.errors import ConfigError

#: seconds in which somebody must answer a knock
PATIENCE = 5.0
#: bytes that a greeting has at most
_GREETING = 1_000_000


def scheduler_at(given: str) -> str:
    """The address of a scheduler that answers.

    Args:
        given: the address, or the file that the scheduler has written.

    Raises:
        ConfigError: nobody answers there, or somebody who is no scheduler.
    """
    try:
        address = _address(given)
        in_time(PATIENCE, _knock, address)
    except (OSError, ValueError) as error:
        raise nobody_there(given, error) from error
    return address


def nobody_there(where: str, error: Exception) -> ConfigError:
    """What is said where no scheduler is."""
    reason = getattr(error, "strerror", None) or error
    if not isinstance(error, OSError | ValueError):  # a worker, which has no word for a client
        reason = f"Dask is there, but no scheduler ({error})"
    return ConfigError(
        f"no Dask scheduler answers at {where}: {reason}; start one, or use workers of this machine",
        options=("--cluster dask", "--workers 8"),
    )


def in_time(seconds: float, function: Callable[[str], Any], address: str) -> Any:
    """What a function gives, in a thread that may take longer than anybody waits: name servers may, too.

    Raises:
        TimeoutError: it has not given anything yet.
    """
    found = Future[Any]()

    def call() -> None:
        try:
            found.set_result(function(address))
        except Exception as error:
            found.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    try:
        return found.result(seconds)
    except TimeoutError:
        raise TimeoutError(f"no answer in {seconds:g} s") from None


def _address(given: str) -> str:
    if not os.path.isfile(given):
        return given if "://" in given else f"tcp://{given}"
    try:
        return str(json.loads(Path(given).read_text())["address"])
    except (ValueError, LookupError, TypeError):
        raise ValueError("the file is none that a scheduler has written") from None


def _knock(address: str) -> None:
    """See whether somebody greets as Dask does: with the length of what comes next, eight bytes.

    Raises:
        OSError: nobody is there.
        ValueError: what is there is something else, or the address is none.
    """
    there = urlsplit(address)
    if there.scheme != "tcp":  # with certificates and the like, of which only Dask knows
        return
    if there.hostname is None or there.port is None:
        raise ValueError("it is neither a file nor an address such as tcp://host:8786")
    with socket.create_connection((there.hostname, there.port), PATIENCE) as line, line.makefile("rb") as words:
        greeting = words.read(8)
    if len(greeting) < 8 or int.from_bytes(greeting, "little") > _GREETING:
        raise ValueError(f"what is there is no scheduler, and says {greeting!r}")
