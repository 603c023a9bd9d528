"""Outputs that are either whole or not there: written beside, then renamed, by one process at a time."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from moliere.errors import MoliereError, OutputExists, WriteError

_LOG = logging.getLogger("moliere")
_PARTIAL = ".partial"
#: errors of the system that more space would mend
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: more of a path than this is not shown, and not repeated in the name of a partial file
_SHOWN, _REPEATED = 300, 60

_KINDS = {stat.S_IFREG: "a file", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}

#: locks that this process has: the process → their files
_held: dict[int, set[Path]] = {}


def check_free(path: Path, *, overwrite: bool, is_folder: bool = False) -> None:
    """Refuse an output that cannot be, or must not be replaced, before any work is done for it.

    Args:
        path: of a file, or of a folder that is made and replaced as a whole.
        overwrite: whether what is there may be replaced.
        is_folder: whether it is a folder.

    Raises:
        OutputExists: ``path`` exists and ``overwrite`` is not set.
        WriteError: ``path`` is of another kind (a device, a pipe), or nothing can have that name.
    """
    with writing(path):
        status = _status(path)
    if status is None:
        return
    if not (stat.S_ISDIR if is_folder else stat.S_ISREG)(status.st_mode):
        found = next((what for kind, what in _KINDS.items() if stat.S_IFMT(status.st_mode) == kind), "a device")
        wanted = _KINDS[stat.S_IFDIR if is_folder else stat.S_IFREG]
        raise WriteError(f"{_shown(path)} is {found}, where {wanted} would be written; choose another name")
    if not overwrite:
        raise OutputExists(f"{_shown(path)} exists; choose another name, or overwrite it", options=("--overwrite",))


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn whatever the system refuses within the block into one sentence about ``path``.

    Raises:
        WriteError: the disk is full, a folder cannot be written, a name is too long.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        if isinstance(error, MoliereError | BrokenPipeError) or not _is_of_the_system(error):
            raise
        reason = getattr(error, "strerror", None) or error
        other = getattr(error, "filename", None)
        if other and not str(other).startswith(str(Path(os.path.realpath(path)).parent)):  # what failed lies elsewhere
            reason = f"{reason} ({_shown(Path(str(other)))})"
        number = getattr(error, "errno", None)
        kept = "; the old file is untouched" if os.path.isfile(path) else ""
        advice = "free some space or choose another place" if number in _NO_SPACE else "choose another place or name"
        raise WriteError(f"cannot write {_shown(path)}: {reason}{kept}; {advice}") from error


@contextmanager
def replacing(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary file beside ``path`` that takes its place when the block ends well, and goes when it does not.

    The new file has the permissions of the old one. Where ``path`` is a symbolic link, the file that it names is
    replaced. Temporary files of runs that were killed are removed.

    Raises:
        OutputExists: ``path`` exists and ``overwrite`` is not set.
        WriteError: the disk is full, or the folder cannot be written; ``path`` is as it was.
    """
    check_free(path, overwrite=overwrite)
    with writing(path):
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(target)
        with _held_partial(target) as partial:
            yield partial
            _set_mode_like(target, partial)
            os.replace(partial, target)


@contextmanager
def replacing_entries(folder: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield an empty folder whose entries go into ``folder`` together when the block ends well: all of them or none.

    Entries of the same names that are there already go; all others stay.

    Raises:
        OutputExists: an entry exists and ``overwrite`` is not set.
        WriteError: the disk is full, or the folder cannot be written; ``folder`` is as it was.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _remove_stale(folder / "entries")
        with _held_partial(folder / "entries", is_folder=True) as partial:
            new = partial / "new"
            new.mkdir()
            yield new
            for entry in new.iterdir():
                check_free(folder / entry.name, overwrite=overwrite, is_folder=entry.is_dir())
            with locked(folder, wait=True):
                _swap(sorted(entry.name for entry in new.iterdir()), folder, new, partial / "old")


@contextmanager
def locked(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Keep other processes from writing the same file, or into the same folder, while the block runs.

    The system takes the lock from a process that dies, however it dies; a lock file that is left behind locks nothing.
    A process that has the lock already may take it again.

    Args:
        path: the file, or a folder that exists.
        wait: until the other process is done.

    Raises:
        WriteError: another process is writing there, or no lock file can be made.
    """
    target = Path(os.path.realpath(path))
    lock = target / ".lock" if target.is_dir() else target.with_name(f".{target.name[:_REPEATED]}.lock")
    mine = _held.setdefault(os.getpid(), set())
    if lock in mine:
        yield
        return
    with writing(path):
        lock.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _open_lock(lock, path, wait=wait)
    mine.add(lock)
    try:
        yield
    finally:
        mine.discard(lock)
        _let_go(descriptor, lock)


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Make the folder of a run, and keep other runs out of it while the block runs.

    Raises:
        WriteError: another process is writing there, or the folder cannot be written.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            yield


def cache_folder() -> Path:
    """Where files are kept that can be made or fetched again: ``$MOLIERE_CACHE``, else the user's cache."""
    own = os.environ.get("MOLIERE_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "moliere"


def _is_of_the_system(error: OSError | ValueError) -> bool:
    """A path with a null character is a ValueError, without a class of its own."""
    return isinstance(error, OSError) or "embedded null" in str(error)


def _status(path: Path) -> os.stat_result | None:
    """Of what a path, or a link, leads to; None if nothing is there."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _shown(path: Path) -> str:
    text = str(path)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]}…{text[-_SHOWN // 2 :]} ({len(text):,} characters)"


def _prefix(target: Path) -> str:
    return f".{target.name[:_REPEATED]}."


@contextmanager
def _held_partial(target: Path, *, is_folder: bool = False) -> Iterator[Path]:
    """A new temporary file or folder beside ``target``; a lock on it says that its writer is alive."""
    descriptor, partial = _make_partial(target, is_folder=is_folder)
    try:
        yield partial
    finally:
        _remove(partial)
        os.close(descriptor)


def _make_partial(target: Path, *, is_folder: bool) -> tuple[int, Path]:
    while True:
        names = {"prefix": _prefix(target), "suffix": _PARTIAL, "dir": target.parent}
        if is_folder:
            name = tempfile.mkdtemp(**names)  # type: ignore[call-overload]
            descriptor = os.open(name, os.O_RDONLY)
        else:
            descriptor, name = tempfile.mkstemp(**names)  # type: ignore[call-overload]
        with suppress(OSError):  # file systems without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.path.lexists(name):  # another process may have taken it for stale before the lock was on it
            return descriptor, Path(name)
        os.close(descriptor)


def _remove_stale(target: Path) -> None:
    """Remove what killed runs left of the same output, and say so."""
    prefix = _prefix(target)
    for name in os.listdir(target.parent):
        if name.startswith(prefix) and name.endswith(_PARTIAL) and _take_if_free(target.parent / name):
            _LOG.warning("removed %s, which a run that was killed left behind", target.parent / name)


def _take_if_free(partial: Path) -> bool:
    """Remove a temporary file whose writer is dead."""
    try:
        descriptor = os.open(partial, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(partial)
    except OSError:  # its writer is alive, or the file system has no locks
        return False
    finally:
        os.close(descriptor)
    return True


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _set_mode_like(target: Path, partial: Path) -> None:
    """Permissions and owner of the old file, or those that new files get."""
    old = _status(target)
    partial.chmod(0o666 & ~_umask() if old is None else stat.S_IMODE(old.st_mode))
    if old is not None:
        with suppress(OSError):  # only root may give files away
            os.chown(partial, old.st_uid, old.st_gid)


def _swap(names: list[str], folder: Path, new: Path, old: Path) -> None:
    """Move the old entries out, then the new ones in; put everything back if one cannot be moved."""
    old.mkdir()
    moved: list[tuple[Path, Path]] = []
    try:
        for source, destination in ((folder, old), (new, folder)):
            for name in names:
                if os.path.lexists(source / name):
                    os.rename(source / name, destination / name)
                    moved.append((source / name, destination / name))
    except OSError:
        for before, after in reversed(moved):
            os.rename(after, before)
        raise


def _open_lock(lock: Path, path: Path, *, wait: bool) -> int:
    """The locked file, which names its process."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            owner = os.read(descriptor, 20).decode(errors="replace").strip()
            os.close(descriptor)
            raise WriteError(
                f"another process{f' ({owner})' if owner else ''} is writing {_shown(path)}; wait until it has ended, "
                "or choose another name"
            ) from None
        except OSError:  # a file system without locks must not stop anyone
            pass
        # whoever had the lock may have removed the file meanwhile
        if os.path.exists(lock) and os.path.samestat(os.fstat(descriptor), os.stat(lock)):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
            return descriptor
        os.close(descriptor)


def _let_go(descriptor: int, lock: Path) -> None:
    with suppress(OSError):
        lock.unlink()
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # children that were forked hold the same lock
    os.close(descriptor)


def _umask() -> int:
    """The permissions that new files do not get; reading them means setting them for a moment."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
