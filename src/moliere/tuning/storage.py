"""Where a study is kept: in a journal beside its trials, or in a database by its URL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from moliere.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

#: seconds that a database has to answer
_PATIENCE = 10


def optuna_here() -> Any:
    """Optuna, without what it says of every trial.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise MissingExtra('searches are made with Optuna: pip install "moliere[tune]"') from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def is_url(where: str) -> bool:
    """Whether a storage is a database, and no file."""
    return "://" in where


def open_storage(where: str) -> BaseStorage:
    """What holds studies.

    Args:
        where: path of a journal, or the URL of a database.

    Raises:
        ConfigError: the database cannot be reached.
        MissingExtra: what speaks with the database is not installed.
    """
    storages = optuna_here().storages
    if not is_url(where):
        journal: BaseStorage = storages.JournalStorage(storages.journal.JournalFileBackend(where))
        return journal
    return _open_database(where, storages)


def _open_database(url: str, storages: Any) -> BaseStorage:
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    options: dict[str, Any] = {}
    if url.startswith("postgresql"):  # no connection stays open between two questions, which may be an hour apart
        options = {"poolclass": NullPool, "connect_args": {"connect_timeout": _PATIENCE}}
    try:
        database: BaseStorage = storages.RDBStorage(url, engine_kwargs=options)
        return database
    except ImportError as error:
        advice = ': pip install "psycopg[binary]"' if url.startswith("postgresql") else ""
        raise MissingExtra(f"{shown(url)} needs a driver that is not installed ({error}){advice}") from error
    except (SQLAlchemyError, ValueError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().split("\n")[0]
        raise ConfigError(
            f"the storage {shown(url)} cannot be used: {reason}; start that database, mend its URL, or name none: then "
            "the study is kept in a file beside its trials"
        ) from error


def shown(where: str) -> str:
    """A storage without its password.

    Example:
        >>> shown("postgresql://me:secret@host/studies")
        'postgresql://me@host/studies'
    """
    if not is_url(where):
        return where
    try:
        parts = urlsplit(where)
        user = f"{parts.username}@" if parts.username else ""
    except ValueError:
        return where.partition("://")[0]
    return parts._replace(netloc=user + parts.netloc.rpartition("@")[2]).geturl()


def mend_journal(path: Path) -> None:
    """Remove what a driver that was killed may have left: its lock, and a line that is not whole.

    Only who has the lock of the folder may do so.
    """
    for name in (".lock", ".rename"):
        path.with_name(path.name + name).unlink(missing_ok=True)
    if not path.exists():
        return
    content = path.read_bytes()
    if not content.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)
