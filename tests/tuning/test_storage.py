from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from moliere.errors import ConfigError, OutputExists
from moliere.tuning import Tuned
from moliere.tuning.storage import mend_journal, open_storage, shown

Tune = Callable[..., Tuned]
RATES = ("training.learning_rate=log:1e-4:1e-2",)


def test_no_password_is_shown() -> None:
    assert shown("postgresql+psycopg://me:sec:ret@host:5432/db?a=b") == "postgresql+psycopg://me@host:5432/db?a=b"
    assert shown("/home/me/study.journal") == "/home/me/study.journal"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://me:secret@127.0.0.1:1/studies", "refused"),
        ("postgresql://", "cannot be used"),
        ("sqlite:////no/such/folder/study.db", "unable to open database file"),
        ("oracel://host/db", "cannot be used"),
    ],
)
def test_a_storage_that_cannot_be_reached_is_said_without_its_password(url: str, message: str) -> None:
    pytest.importorskip("optuna")
    if url.startswith("postgresql"):
        pytest.importorskip("psycopg")
    with pytest.raises(ConfigError) as error:
        open_storage(url)
    assert message in str(error.value)
    assert "secret" not in str(error.value)


def test_what_a_killed_driver_leaves_of_a_journal_is_mended(tmp_path: Path) -> None:
    journal = tmp_path / "study.journal"
    journal.write_bytes(b'{"op_code":0}\n{"op_co')
    (tmp_path / "study.journal.lock").symlink_to(journal)
    mend_journal(journal)
    assert journal.read_bytes() == b'{"op_code":0}\n'
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study.journal"]
    mend_journal(journal)
    mend_journal(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_journal_cut_in_its_last_line_is_gone_on_with(search: Tune, tmp_path: Path) -> None:
    search(tmp_path, 1, parameters=RATES)
    with (tmp_path / "study.journal").open("ab") as file:
        file.write(b'{"op_code": 4, "study')
    assert [trial.state for trial in search(tmp_path, 2, parameters=RATES).trials] == ["complete"] * 2


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a database in a PostgreSQL of our own, which listens on a socket alone."""
    pytest.importorskip("optuna")
    pytest.importorskip("psycopg")
    if not (shutil.which("initdb") and shutil.which("pg_ctl")):
        pytest.skip("needs PostgreSQL's initdb and pg_ctl")
    with _folder() as folder:
        data, log = folder / "data", folder / "log"
        who: dict[str, Any] = {"user": _user(), "env": {**os.environ, "LC_ALL": "C"}, "cwd": folder}
        command = ["initdb", "-D", str(data), "-A", "trust", "-U", "studies", "-E", "UTF8", "--no-sync"]
        subprocess.run(command, check=True, capture_output=True, **who)
        options = f"-c listen_addresses='' -c fsync=off -k {folder}"
        command = ["pg_ctl", "-D", str(data), "-l", str(log), "-o", options, "-w"]
        subprocess.run([*command, "start"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **who)
        try:
            yield f"postgresql://studies@/postgres?host={folder}"
        finally:
            subprocess.run(
                ["pg_ctl", "-D", str(data), "-m", "immediate", "stop"], check=True, capture_output=True, **who
            )


@contextmanager
def _folder() -> Iterator[Path]:
    """A short path, as that of a socket must be, which the server's user may write into."""
    path = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    if (user := _user()) is not None:
        shutil.chown(path, user)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _user() -> str | None:
    """PostgreSQL does not run as root."""
    if os.geteuid():
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    user = next((name for name in ("postgres", "nobody") if name in known), None)
    if user is None:
        pytest.skip("runs as root, and there is no other user for PostgreSQL")
    return user


@pytest.mark.postgres
def test_a_study_in_postgresql_is_gone_on_with_and_guarded(server: str, search: Tune, tmp_path: Path) -> None:
    folder = tmp_path / "in-a-database"
    chosen = {"storage": server, "parameters": RATES, "seed": 5}

    def stop_in_a_training(step: str, share: float) -> None:
        if step == "trial 1" and share > 0.6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(folder, 2, progress=stop_in_a_training, **chosen)
    assert (folder / "trials" / "0001" / "checkpoint.pt").exists()
    found = search(folder, 3, **chosen)
    assert found.n_new == 2
    assert not (folder / "study.journal").exists()
    assert f"the study is kept in {shown(server)}" in found.page.read_text().replace("&amp;", "&")
    beside = search(tmp_path / "beside", 3, parameters=RATES, seed=5)
    assert [(dict(a.settings), dict(a.values)) for a in found.trials] == [
        (dict(b.settings), dict(b.values)) for b in beside.trials
    ]
    with pytest.raises(OutputExists, match="seed"):
        search(folder, 3, **{**chosen, "seed": 6})
    assert len(search(folder, 1, overwrite=True, **{**chosen, "seed": 6}).trials) == 1
