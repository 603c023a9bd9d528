from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from moliere.errors import ConfigError
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
