"""Outputs are whole or not there, whatever happens to the process, the disk or the name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from moliere.errors import OutputExists, WriteError
from moliere.files import check_free, locked, replacing, replacing_entries, working_in

#: writes half a file, or takes a lock, says so, and waits to be killed
_HALF = """
import sys, time
from pathlib import Path
from moliere.files import {name}
with {name}(Path(sys.argv[1]){options}) as partial:
    {work}
    print("here", flush=True)
    time.sleep(60)
"""


def start(name: str, path: Path, work: str = "pass", options: str = "") -> subprocess.Popen[str]:
    """A process that is in the middle of writing."""
    code = _HALF.format(name=name, work=work, options=options)
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["out.h5", "x" * 250, "é" * 120, "a b.c.partial", ".hidden"])
def test_what_killed_runs_leave_is_named_and_removed(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / name
    path.write_text("old")
    end(start("replacing", path, 'partial.write_text("half")', ", overwrite=True"))
    assert path.read_text() == "old"
    assert len(names(tmp_path)) == 2
    with replacing(path, overwrite=True) as partial:
        partial.write_text("new")
    assert (path.read_text(), names(tmp_path)) == ("new", [name])
    assert "left behind" in caplog.text


def test_what_a_living_run_writes_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "out"
    process = start("replacing", path, 'partial.write_text("half")')
    with replacing(path) as partial:
        partial.write_text("new")
    assert len(names(tmp_path)) == 2
    end(process)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755, 0o444])
def test_permissions_stay(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("old")
    path.chmod(mode)
    with replacing(path, overwrite=True) as partial:
        partial.write_text("new")
    assert path.stat().st_mode & 0o777 == mode
    with replacing(tmp_path / "fresh") as partial:
        partial.write_text("new")
    assert (tmp_path / "fresh").stat().st_mode & 0o111 == 0


def test_symbolic_links_stay_links(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "real").write_text("old")
    for link, target in (("one", "disk/real"), ("two", "one"), ("three", "disk/not-yet")):
        (tmp_path / link).symlink_to(target)
        with replacing(tmp_path / link, overwrite=True) as partial:
            partial.write_text(link)
        assert (tmp_path / link).is_symlink()
        assert (tmp_path / link).read_text() == link
    assert names(tmp_path / "disk") == ["not-yet", "real"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_only_files_are_written_or_replaced(overwrite: bool, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("pipe")
    (tmp_path / "circle").symlink_to("circle")
    for name in ("pipe", "folder", "link", "circle", "x" * 5000, "a/" * 2500, "\0"):
        with pytest.raises(WriteError) as caught, replacing(tmp_path / name, overwrite=overwrite):
            pytest.fail("it must be refused before any work is done")
        assert len(str(caught.value)) < 800
    assert names(tmp_path) == ["circle", "folder", "link", "pipe"]
    assert (tmp_path / "pipe").is_fifo()


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "out", tmp_path / "file" / "deep" / "out"):
        with pytest.raises(WriteError, match="Not a directory"):
            check_free(path, overwrite=False)
    with pytest.raises(WriteError, match="File exists"), working_in(tmp_path / "file"):
        pass


def test_one_process_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "out.h5"
    process = start("locked", path)
    with pytest.raises(WriteError, match=rf"another process \({process.pid}\) is writing .*out.h5"), locked(path):
        pass
    with locked(tmp_path / "other.h5"):
        pass
    end(process)
    assert names(tmp_path) == [".out.h5.lock"]  # of a dead process: it locks nothing
    with locked(path), locked(path):
        assert names(tmp_path) == [".out.h5.lock"]
    assert not names(tmp_path)


def test_one_run_in_a_folder_at_a_time(tmp_path: Path) -> None:
    process = start("working_in", tmp_path / "runs" / "one")
    (tmp_path / "link").symlink_to("runs/one")
    for folder in (tmp_path / "runs" / "one", tmp_path / "link", tmp_path / "runs" / ".." / "runs" / "one"):
        with pytest.raises(WriteError, match="another process"), working_in(folder):
            pass
    with working_in(tmp_path / "runs" / "two"):
        pass
    end(process)
    with working_in(tmp_path / "runs" / "one"):
        pass
    assert not names(tmp_path / "runs" / "one")


def test_several_files_come_together_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "report"

    def write(text: str, *, fail: bool = False) -> None:
        with replacing_entries(folder, overwrite=True) as new:
            (new / "figures").mkdir()
            (new / "figures" / f"{text}.svg").write_text(text)
            (new / "report.json").write_text(text)
            if fail:
                raise ZeroDivisionError
            (new / "report.html").write_text(text)

    write("old")
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ZeroDivisionError):
        write("bad", fail=True)
    assert names(folder) == ["figures", "notes.txt", "report.html", "report.json"]
    assert (folder / "report.json").read_text() == "old"
    write("new")
    assert names(folder) == ["figures", "notes.txt", "report.html", "report.json"]
    assert names(folder / "figures") == ["new.svg"]
    with pytest.raises(OutputExists), replacing_entries(folder) as new:
        (new / "report.json").write_text("newer")
    assert (folder / "report.json").read_text() == "new"


def test_a_kill_while_several_files_are_written_leaves_the_old_ones(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("old")
    work = '(partial / "report.json").write_text("new")'
    end(start("replacing_entries", tmp_path, work, ", overwrite=True"))
    assert (tmp_path / "report.json").read_text() == "old"
    with replacing_entries(tmp_path, overwrite=True) as new:
        (new / "report.json").write_text("newer")
    assert names(tmp_path) == ["report.json"]
    assert (tmp_path / "report.json").read_text() == "newer"


def test_the_file_that_fails_is_named_where_it_is_another_one(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"cannot write .*out: No such file or directory \(/nowhere/data\)"):  # noqa: SIM117
        with replacing(tmp_path / "out"):
            Path("/nowhere/data").read_text()
    with pytest.raises(WriteError) as caught, replacing(tmp_path / "own") as partial:
        (partial / "deep").write_text("")
    assert "(" not in str(caught.value)
