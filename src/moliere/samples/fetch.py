"""Fetching published samples: resumed where they were interrupted, checked against their MD5 sums."""

from __future__ import annotations

import json
import logging
import re
import shutil
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPException
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from moliere.errors import DownloadError, UnknownName, did_you_mean
from moliere.files import cache_folder, writing

_ZENODO = "https://zenodo.org"
_BLOCK = 2**20  # bytes
_TIMEOUT = 60  # seconds without a byte
_RECORD_BYTES = 2**24  # no record's description is longer
#: names that are not hidden and lead nowhere else, on any system
_NAME = re.compile(r"[^./\\:\x00-\x1f][^/\\:\x00-\x1f]{0,200}")
_CHECKSUM = re.compile(r"md5:[0-9a-fA-F]{32}|sha1:[0-9a-fA-F]{40}|sha256:[0-9a-fA-F]{64}|sha512:[0-9a-fA-F]{128}")
_LOG = logging.getLogger("moliere")

#: name of a file, bytes there are, bytes there will be (0: unknown)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Published:
    """One published sample.

    Args:
        title: one line.
        zenodo: number of the record.
        url: of the only file, where it is elsewhere.
        licence: as published.
        cite: what to cite.
        files: name → MD5 sum; of a Zenodo record that lists none, the record is asked.
    """

    title: str
    zenodo: int = 0
    url: str = ""
    licence: str = "see the record"
    cite: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


@cache
def published() -> dict[str, Published]:
    """All samples that can be fetched, by name."""
    text = resources.files("moliere.samples").joinpath("published.toml").read_text()
    return {name: Published(**table) for name, table in tomllib.loads(text).items()}


def _ignore(name: str, done: int, total: int) -> None:
    del name, done, total


def fetch(
    name: str, folder: Path | None = None, *, base_url: str | None = None, progress: Progress = _ignore
) -> list[Path]:
    """Fetch a sample; files that are there already, whole, are left alone.

    Args:
        name: see :func:`published`.
        folder: where files are put; by default a folder of that name in the user's cache.
        base_url: another server with the same paths, such as a mirror.
        progress: called as bytes arrive.

    Returns:
        The files.

    Raises:
        UnknownName: no such sample.
        DownloadError: the server cannot be reached or does not have the file, a file is not what was published, or a
            record lists a file that would lie outside of the folder or has no checksum.
        WriteError: the folder cannot be written.
    """
    if name not in published():
        raise UnknownName(f"no published sample {name!r}; {did_you_mean(name, published())}")
    sample = published()[name]
    folder = folder or cache_folder() / "samples" / name
    files = _list_files(sample, base_url)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        return [_fetch_file(url, folder / file, checksum, progress) for file, (url, checksum) in files.items()]


def _list_files(sample: Published, base_url: str | None) -> dict[str, tuple[str, str]]:
    """Name → URL and checksum, as ``md5:…`` (empty: the publisher gives none)."""
    known = {name: md5 and f"md5:{md5}" for name, md5 in sample.files.items()}
    if sample.url:
        return {name: (_elsewhere(sample.url, base_url), checksum) for name, checksum in known.items()}
    base = base_url or _ZENODO
    files = known or _ask_zenodo(f"{base}/api/records/{sample.zenodo}")
    record = f"{base}/records/{sample.zenodo}/files"
    return {name: (f"{record}/{quote(name)}?download=1", checksum) for name, checksum in files.items()}


def _elsewhere(url: str, base_url: str | None) -> str:
    parts = urlsplit(url)
    return f"{base_url}{parts.path}?{parts.query}" if base_url else url


def _ask_zenodo(url: str) -> dict[str, str]:
    """Names and checksums of a record's files; nothing in a record is believed."""
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:
            record: Any = json.loads(response.read(_RECORD_BYTES))
        listed = [(entry["key"], entry.get("checksum")) for entry in record["files"]]
    except (OSError, HTTPException, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DownloadError(f"{url} does not say which files there are ({error}); try again later") from error
    return {_plain_name(url, name): _checksum(url, name, checksum) for name, checksum in listed}


def _plain_name(url: str, name: Any) -> str:
    """The name of a file that stays in the folder.

    Raises:
        DownloadError: the name leads elsewhere.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DownloadError(
            f"{url} lists a file {str(name)[:100]!r}, and a file of that name might be written outside of the folder; "
            "nothing was fetched"
        )
    return name


def _checksum(url: str, name: str, checksum: Any) -> str:
    if not isinstance(checksum, str) or not _CHECKSUM.fullmatch(checksum):
        raise DownloadError(
            f"{url} gives no checksum for {name!r} (but {str(checksum)[:100]!r}), so that the file cannot be checked; "
            "nothing was fetched"
        )
    return checksum


def _fetch_file(url: str, path: Path, checksum: str, progress: Progress) -> Path:
    import pooch

    if not checksum:
        _LOG.warning("%s: its publisher gives no checksum, so that the file is not checked", path.name)

    pooch.utils.get_logger().setLevel("ERROR")
    try:
        pooch.retrieve(
            url,
            known_hash=checksum or None,
            fname=path.name,
            path=path.parent,
            downloader=_Resuming(path.with_name(f"{path.name}.part"), progress),
        )
    except ValueError as error:  # pooch's word for a wrong sum
        raise DownloadError(f"{path.name} from {url} is not what was published: {error}") from error
    return path


@dataclass(frozen=True)
class _Resuming:
    """A downloader for pooch that keeps what came, and asks for the rest the next time."""

    part: Path
    progress: Progress

    def __call__(self, url: str, output: str, pooch: Any) -> None:
        """Fetch to the part, then put it where pooch checks it."""
        del pooch
        try:
            self._receive(url)
        except urllib.error.HTTPError as error:
            if error.code != 416:  # nothing is left to send: the part is whole
                raise DownloadError(f"{url}: the server says {error.code} {error.reason}") from error
        except (OSError, HTTPException) as error:
            kept = self.part.stat().st_size if self.part.exists() else 0
            raise DownloadError(
                f"{url} was interrupted after {kept:,} bytes ({error}); they are kept, run it again to go on"
            ) from error
        shutil.move(self.part, output)

    def _receive(self, url: str) -> None:
        have = self.part.stat().st_size if self.part.exists() else 0
        request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
            resumed = response.status == 206
            done = have if resumed else 0
            total = done + int(response.headers.get("Content-Length", 0))
            with self.part.open("ab" if resumed else "wb") as file:
                while block := response.read(_BLOCK):
                    file.write(block)
                    done += len(block)
                    self.progress(self.part.stem, done, total)
        if total and done < total:
            raise ConnectionError(f"{done:,} of {total:,} bytes came")
