"""What is lost when processes are killed with -9: python benchmarks/kills.py FOLDER [--only WORD].

GFLASH with workers of this machine, of Dask's scheduler, of jobs that Dask submits to Slurm, and as Slurm's job array;
one process is killed while it runs, and the file is compared with that of one process. Slurm is started here.
``--tasks 1000`` runs a printed job array of so many tasks instead, kills some, and removes finished blocks.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shlex
import shutil
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from multiprocessing import connection
from pathlib import Path
from typing import Any, Self

import numpy as np
import psutil

from moliere.cli import main as moliere

_WORDS = "simulate gflash --detector calochallenge-1-photons --particle gamma --energy 1GeV:2GeV --seed 3"
_PROGRAM = [sys.executable, "-m", "moliere.cli"]
_DASK = [sys.executable, "-m", "dask"]
_SLURM = Path(__file__).parents[1] / "scripts" / "slurm_for_development.sh"
_BLOCKS = 40
_GFLASH = [*_WORDS.split(" "), "-n", str(500 * _BLOCKS)]


class Site(ABC):
    """Who does the work, begun when the block is entered."""

    cluster: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.is_busy():
            self.driver.kill()

    def begin(self, output: Path) -> None:
        self.output, self.log = output, Path(f"{output.stem}.log")
        with self.log.open("w") as log:
            words = [*_PROGRAM, *_GFLASH, "-o", str(output), "--overwrite", *self.cluster]
            self.driver = psutil.Popen(words, stdout=log, stderr=log)

    def wait_for(self, blocks: int) -> int:
        while len(there := list(Path(f"{self.output}.parts").glob("0*.h5"))) < blocks:
            assert self.is_busy(), self.log.read_text()
            time.sleep(0.02)
        return len(there)

    def is_busy(self) -> bool:
        return self.driver.poll() is None

    def end(self) -> str:
        """Wait; how it ended, empty where it ended well."""
        code = self.driver.wait(300)
        return f"the command ended with {code}: {self.log.read_text().strip().rpartition(chr(10))[2]}" if code else ""

    def kill_driver(self) -> None:
        self.driver.kill()

    @abstractmethod
    def kill_worker(self) -> None: ...


class Local(Site):
    """Two processes of this machine."""

    cluster = ("--workers", "2")

    def kill_worker(self) -> None:
        next(child for child in self.driver.children() if "production" in " ".join(child.cmdline())).kill()


class Dask(Site):
    """A scheduler and two workers with their nannies."""

    cluster = ("--cluster", "dask:scheduler.json")

    def __enter__(self) -> Self:
        Path("scheduler.json").unlink(missing_ok=True)
        how: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        where = ["--no-dashboard", "--scheduler-file", "scheduler.json"]
        self.scheduler = psutil.Popen([*_DASK, "scheduler", "--port", "0", *where], **how)
        worker = [*_DASK, "worker", "--nthreads", "1", "--memory-limit", "0", *where]
        self.workers = [psutil.Popen(worker, **how) for _ in range(2)]
        while not Path("scheduler.json").exists():
            time.sleep(0.1)
        return self

    def __exit__(self, *error: object) -> None:
        for process in (*self.workers, self.scheduler):
            for each in (*process.children(recursive=True), process):
                each.kill()
            process.wait()

    def kill_worker(self) -> None:
        children = self.workers[0].children(recursive=True)
        next(child for child in children if "spawn_main" in " ".join(child.cmdline())).kill()

    def kill_nanny(self) -> None:
        for process in (self.workers[0], *self.workers[0].children(recursive=True)):
            process.kill()

    def kill_scheduler(self) -> None:
        self.scheduler.kill()


class Slurm(Site):
    """Two jobs that Dask submits to a Slurm of this machine."""

    cluster = ("--cluster", "slurm:walltime=00:10:00", "--workers", "2")

    def __enter__(self) -> Self:
        os.environ["SLURM_CONF"] = _said(str(_SLURM), "start").partition("SLURM_CONF=")[2]
        return self

    def __exit__(self, *error: object) -> None:
        for job in _said("squeue", "-h", "-o", "%A").split():
            _said("scancel", job)
        subprocess.run([_SLURM, "stop"], check=True)

    def kill_worker(self) -> None:
        """All processes of a job; scancel would send SIGTERM first."""
        job = _said("squeue", "-h", "-t", "R", "-o", "%A").split()[0]
        for line in _said("scontrol", "listpids", job).splitlines()[1:]:
            with suppress(psutil.NoSuchProcess):
                psutil.Process(int(line.split()[0])).kill()

    def kill_scheduler(self) -> None:
        """The controller; whoever runs Slurm starts it again."""
        self._restart("slurmctld")

    def kill_node(self) -> None:
        """The daemon of the node."""
        self._restart("slurmd")

    def _restart(self, daemon: str) -> None:
        conf = os.environ["SLURM_CONF"]
        pid = Path(conf).with_name(f"{daemon}.pid")
        psutil.Process(int(pid.read_text())).kill()
        time.sleep(3)
        node = ["-N", os.uname().nodename.partition(".")[0]] if daemon == "slurmd" else []
        subprocess.run([daemon, "-f", conf, *node], check=True)


class Array(Slurm):
    """The printed job array of four shards, on two places."""

    cluster = ()

    def begin(self, output: Path) -> None:
        shutil.rmtree(f"{output}.parts", ignore_errors=True)
        output.unlink(missing_ok=True)
        self.output, self.log, script = output, Path(f"{output.stem}.0.log"), Path(f"{output.stem}.slurm")
        words = [*_PROGRAM, *_GFLASH, "-o", str(output), "--print-job", "slurm", "--shards", "4"]
        script.write_text(_said(*words))
        self.job = _said("sbatch", "--parsable", str(script))

    def is_busy(self) -> bool:
        return bool(_said("squeue", "-h", "-j", self.job))

    def end(self) -> str:
        while self.is_busy():
            time.sleep(0.5)
        there = len(list(Path(f"{self.output}.parts").glob("0*.h5")))
        return f"{there} of {_BLOCKS} blocks made by the array, and joined"


def _said(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


#: what is killed; who works
_STRIKES: Mapping[str, tuple[type[Site], Callable[[Any], None]]] = {
    "local worker": (Local, Local.kill_worker),
    "local driver": (Local, Local.kill_driver),
    "Dask's worker": (Dask, Dask.kill_worker),
    "Dask's worker and its nanny": (Dask, Dask.kill_nanny),
    "driver beside Dask": (Dask, Dask.kill_driver),
    "Dask's scheduler": (Dask, Dask.kill_scheduler),
    "Slurm job that Dask submitted": (Slurm, Slurm.kill_worker),
    "driver that submitted to Slurm": (Slurm, Slurm.kill_driver),
    "Slurm's controller, jobs from Dask": (Slurm, Slurm.kill_scheduler),
    "Slurm array, one of its jobs": (Array, Array.kill_worker),
    "Slurm array, the controller": (Array, Array.kill_scheduler),
    "Slurm array, the node's daemon": (Array, Array.kill_node),
}


def kills(only: str) -> None:
    """A row for each process that is killed."""
    subprocess.run([*_PROGRAM, *_GFLASH, "-o", "whole.h5", "--overwrite"], check=True, capture_output=True)
    for name, (kind, strike) in _STRIKES.items():
        if only in name:
            print(f"{name}: {_row(kind, strike, Path(name.replace(' ', '-') + '.h5'))}", flush=True)


def _row(kind: type[Site], strike: Callable[[Any], None], output: Path) -> str:
    with kind() as site:
        site.begin(output)
        before = site.wait_for(4)
        strike(site)
        begin = time.perf_counter()
        said = site.end()
        took, kept = time.perf_counter() - begin, len(list(Path(f"{output}.parts").glob("0*.h5")))
    if said:
        _said(*_PROGRAM, *_GFLASH, "-o", str(output), "--resume")
        said = f"; {kept} blocks kept, --resume on one process; {said[:300]}"
    same = output.read_bytes() == Path("whole.h5").read_bytes()
    return f"killed after {before} of {_BLOCKS} blocks, ended after {took:.0f} s; identical {same}{said}"


def array(tasks: int) -> None:
    """The words of the script that is printed for Slurm, each task a process of its own, two at a time.

    Tasks are forked from this process, which has simulated once, so that all is imported: a thousand starts would take
    most of an hour.
    """
    assert not moliere([*_WORDS.split(" "), "-n", "1", "-o", "first.h5", "--overwrite"])
    words = [*_WORDS.split(" "), "-n", str(500 * tasks), "-o"]
    shutil.rmtree("array.h5.parts", ignore_errors=True)
    Path("array.h5").unlink(missing_ok=True)
    script = _said(*_PROGRAM, *words, "array.h5", "--print-job", "slurm", "--shards", str(tasks))
    command = next(line for line in script.splitlines() if line.startswith("exec moliere "))
    rng = np.random.default_rng(0)
    doomed = {int(task): float(rng.uniform(0, 0.4)) for task in rng.choice(tasks, tasks // 20, replace=False)}
    begin = time.perf_counter()
    failed = _tasks(command, range(tasks), doomed)
    print(f"{tasks} tasks in {time.perf_counter() - begin:.0f} s; killed with -9: {len(failed)}", flush=True)
    parts = np.array(sorted(Path("array.h5.parts").glob("0*.h5")))
    removed = rng.choice(parts, tasks // 50, replace=False)
    for part in removed:
        part.unlink()
    again = [*failed[::2], *(int(part.stem) for part in removed[::2])]
    assert not _tasks(command, again, {})
    left = tasks - len(list(Path("array.h5.parts").glob("0*.h5")))
    print(
        f"{len(removed)} finished ones removed; {len(again)} of both done again, {left} left to the joining", flush=True
    )
    begin = time.perf_counter()
    _said(*_PROGRAM, *words, "array.h5", "--resume")
    print(f"joined in {time.perf_counter() - begin:.0f} s", flush=True)
    _said(*_PROGRAM, *words, "whole.h5", "--overwrite")
    same = Path("array.h5").read_bytes() == Path("whole.h5").read_bytes()
    print(f"{Path('whole.h5').stat().st_size:,} bytes, identical to those of one process: {same}")


def _tasks(command: str, numbers: Iterable[int], doomed: Mapping[int, float]) -> list[int]:
    """Do tasks, two at a time, kill some after so many seconds; returns those that did not end well."""
    waiting, failed = deque(numbers), list[int]()
    running: dict[Any, tuple[int, float]] = {}
    while waiting or running:
        while waiting and len(running) < 2:
            number = waiting.popleft()
            process = multiprocessing.get_context("fork").Process(target=_task, args=(command, number))
            process.start()  # not in a thread: Python ends a fork of one with an error
            running[process] = number, time.monotonic() + doomed.get(number, 300)
        connection.wait([process.sentinel for process in running], 0.01)
        for process, (number, end) in [*running.items()]:
            if time.monotonic() > end:
                process.kill()
            if not process.is_alive():
                del running[process]
                failed += [number] if process.exitcode else []
    return failed


def _task(command: str, number: int) -> None:
    words = shlex.split(command.replace("$SLURM_ARRAY_TASK_ID", str(number)))[2:]
    with open(os.devnull, "w") as nobody, redirect_stdout(nobody), redirect_stderr(nobody):
        sys.exit(moliere(words))


def main() -> None:
    """Print rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="rows with this in their name")
    parser.add_argument("--tasks", type=int, help="of a job array")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    os.chdir(given.folder)
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin"
    array(given.tasks) if given.tasks else kills(given.only)


if __name__ == "__main__":
    main()
