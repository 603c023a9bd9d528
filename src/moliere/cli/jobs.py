"""What verbs have in common that make many events: workers, clusters, shards and job arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from moliere.cli.options import console


def _reached(context: typer.Context, cluster: str | None) -> str | None:
    """A cluster that is there, so that one that is not is said at once, before torch is imported."""
    if cluster is not None and not context.resilient_parsing:
        from moliere.cluster import find_engine

        find_engine(cluster, 1)
    return cluster


Workers = Annotated[int, typer.Option("--workers", min=0, help="Processes; 0 takes as many as there are idle cores.")]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        callback=_reached,
        help="Who works instead, with Dask: dask, dask:tcp://HOST:PORT, or jobs of slurm, htcondor, pbs, with settings "
        "as in slurm:queue=short,walltime=02:00:00; --workers says how many.",
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run; join shards.")]
Shard = Annotated[
    str | None,
    typer.Option("--shard", metavar="K/N", help="Only shard K of N, counted from 0; a job array runs all of them."),
]
PrintJob = Annotated[
    Literal["slurm", "htcondor"] | None,
    typer.Option("--print-job", help="Make no events; print the job array that does it in shards."),
]
Shards = Annotated[int, typer.Option("--shards", min=1, max=100_000, help="With --print-job: how many.")]


def read_shard(text: str | None, *, cluster: str | None, replaces: bool) -> tuple[int, int] | None:
    """Number of a shard and how many there are.

    Args:
        text: as given.
        cluster: as given.
        replaces: whether something is asked of the output that is not written.

    Raises:
        BadParameter: no shard, or beside options that would be ignored.
    """
    if text is None:
        return None
    if replaces or cluster is not None:
        raise typer.BadParameter(
            "a shard goes on by itself, replaces nothing and is done on this machine", param_hint="--shard"
        )
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and int(number) < int(of)):
        raise typer.BadParameter(f"{text!r} is no shard; expected K/N with K from 0 to N - 1, such as 0/100")
    return int(number), int(of)


def print_array(context: typer.Context, system: str, shards: int, output: Path) -> None:
    """The job array that does what the command line says."""
    from moliere.cli.verbs import command_of
    from moliere.cluster import array_job

    ours = {"print_job", "shards", "shard", "resume", "overwrite", "cluster"}
    console.print(array_job(system, ["moliere", *command_of(context, ours)], shards, output, Path.cwd()), end="")


def shard_words(shard: str, done: int) -> str:
    """What is said of a shard that is done."""
    return f"shard {shard} is done: {done:,} events; when all are: the same command, --resume for --shard"
