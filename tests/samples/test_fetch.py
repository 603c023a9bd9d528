"""Samples are fetched from a server on this machine: whole, in two goes, with a wrong sum, and not at all."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from moliere.errors import DownloadError, UnknownName, WriteError
from moliere.samples import fetch as fetching
from moliere.samples.fetch import Published, fetch

CONTENT = bytes(range(256)) * 5000
SUM = hashlib.md5(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves one record with one file; breaks off after ``limit`` bytes."""

    limit = len(CONTENT)
    content = CONTENT
    record: object = {"files": [{"key": "showers.hdf5", "checksum": f"md5:{SUM}"}]}

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.path == "/api/records/77":
            return self._send(200, json.dumps(self.server.record).encode())
        if not self.path.startswith(("/records/77/files/showers.hdf5", "/archive/x.zip")):
            return self.send_error(404)
        self.server.ranges.append(self.headers.get("Range"))
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if start >= len(self.server.content):
            return self.send_error(416)
        return self._send(206 if start else 200, self.server.content[start:])

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.limit])

    def log_message(self, *arguments: object) -> None:
        """Silence."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = {
        "listed": Published("a title", zenodo=77, files={"showers.hdf5": SUM}),
        "asked": Published("a title", zenodo=77),
        "missing": Published("a title", zenodo=77, files={"other.hdf5": SUM}),
        "elsewhere": Published("a title", url="https://example.org/archive/x.zip?version=1", files={"x.zip": ""}),
    }
    monkeypatch.setattr(fetching, "published", lambda: samples)


@pytest.mark.parametrize("name", ["listed", "asked"])
def test_a_sample_arrives_whole_and_only_once(name: str, server: Server, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    (path,) = fetch(name, tmp_path, base_url=server.url, progress=lambda *words: seen.append(words))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == ("showers.hdf5", len(CONTENT), len(CONTENT))
    assert fetch(name, tmp_path, base_url=server.url) == [path]
    assert len(server.ranges) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_download_goes_on(server: Server, tmp_path: Path) -> None:
    server.limit = 400_000
    with pytest.raises(DownloadError, match=r"interrupted after 400,000 bytes .*they are kept"):
        fetch("listed", tmp_path, base_url=server.url)
    server.limit = len(CONTENT)
    (path,) = fetch("listed", tmp_path, base_url=server.url)
    assert server.ranges == [None, "bytes=400000-"]
    assert path.read_bytes() == CONTENT


def test_a_part_that_is_whole_already_is_used(server: Server, tmp_path: Path) -> None:
    (tmp_path / "showers.hdf5.part").write_bytes(CONTENT)
    (path,) = fetch("listed", tmp_path, base_url=server.url)
    assert path.read_bytes() == CONTENT


def test_a_wrong_sum_is_refused_and_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.content = CONTENT[:-1] + b"!"
    with pytest.raises(DownloadError, match="is not what was published"):
        fetch("listed", tmp_path, base_url=server.url)
    assert list(tmp_path.iterdir()) == []


def test_other_hosts_are_replaced_by_a_mirror(server: Server, tmp_path: Path) -> None:
    (path,) = fetch("elsewhere", tmp_path, base_url=server.url)
    assert path.name == "x.zip"


def test_what_is_not_there_is_told(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="the server says 404"):
        fetch("missing", tmp_path, base_url=server.url)
    with pytest.raises(UnknownName, match="did you mean 'listed'"):
        fetch("lited", tmp_path)
    with pytest.raises(DownloadError, match="does not say which files there are"):
        fetch("asked", tmp_path, base_url="http://127.0.0.1:9")


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "../../../x",
        "/tmp/x",
        "a/../../x",
        "a/b",
        "..",
        ".",
        "",
        ".bashrc",
        "..\\x",
        "C:\\x",
        "a\n",
        "x\0",
        7,
        None,
    ],
)
def test_names_that_lead_out_of_the_folder_are_refused(name: object, server: Server, tmp_path: Path) -> None:
    whole = {"key": "showers.hdf5", "checksum": f"md5:{SUM}"}
    server.record = {"files": [whole, {"key": name, "checksum": f"md5:{SUM}"}]}
    with pytest.raises(DownloadError, match="outside of the folder; nothing was fetched"):
        fetch("asked", tmp_path / "deep" / "folder", base_url=server.url)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("checksum", ["", None, "md5:", SUM, "md5:0", "crc32:00000000", "md5:" + "z" * 32, 5])
def test_files_without_a_checksum_are_refused(checksum: object, server: Server, tmp_path: Path) -> None:
    server.record = {"files": [{"key": "showers.hdf5", "checksum": checksum}]}
    with pytest.raises(DownloadError, match="gives no checksum for 'showers"):
        fetch("asked", tmp_path, base_url=server.url)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("record", [[], {}, {"files": 3}, {"files": ["x"]}, {"files": [{}]}, {"files": None}])
def test_records_of_another_kind_are_one_sentence(record: object, server: Server, tmp_path: Path) -> None:
    server.record = record
    with pytest.raises(DownloadError, match="does not say which files there are"):
        fetch("asked", tmp_path, base_url=server.url)


def test_stronger_checksums_count(server: Server, tmp_path: Path) -> None:
    right = hashlib.sha256(CONTENT).hexdigest()
    for digest in ("0" * 64, right):
        server.record = {"files": [{"key": "showers.hdf5", "checksum": f"sha256:{digest}"}]}
        if digest == right:
            (path,) = fetch("asked", tmp_path, base_url=server.url)
            assert path.read_bytes() == CONTENT
        else:
            with pytest.raises(DownloadError, match="is not what was published"):
                fetch("asked", tmp_path, base_url=server.url)


def test_a_file_that_nobody_can_check_is_named(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fetch("elsewhere", tmp_path, base_url=server.url)
    assert "x.zip: its publisher gives no checksum" in caplog.text


def test_folders_that_cannot_be_written_are_one_sentence(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "showers.hdf5").mkdir()
    for folder in (tmp_path / "file", tmp_path, tmp_path / ("x" * 5000)):
        with pytest.raises(WriteError, match="cannot write"):
            fetch("listed", folder, base_url=server.url)
