"""Job arrays for Slurm and HTCondor: nodes need moliere and the folder in which the command was given, no more.

What Slurm runs is run by the tests, with bash; HTCondor's file is only looked at.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path


def array_job(system: str, command: Sequence[str], shards: int, output: Path, folder: Path) -> str:
    """The file to submit.

    Args:
        system: one of :data:`SYSTEMS`.
        command: words of the whole simulation, the program's name first.
        shards: how many jobs.
        output: what is simulated; scripts and logs are named after it.
        folder: where the command runs.
    """
    return SYSTEMS[system](list(command), shards, output, folder)


def _slurm(command: list[str], shards: int, output: Path, folder: Path) -> str:
    name, words = plain_name(output), shlex.join(command)
    script = f"{name}.slurm"
    merge = shlex.quote(f"cd {shlex.quote(str(folder))} && {words} --resume")
    return f"""#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{shards - 1}
#SBATCH --cpus-per-task=1
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output={name}.%a.log
# Save this as {script}; put here what makes moliere known on a node: module load ..., source .../activate
# Submit and join:
#   job=$(sbatch --parsable {script})
#   sbatch --dependency=afterany:$job --wrap {merge}
# A shard that failed: sbatch --array=NUMBER {script}; what is whole already is not done again. The joining does what is
# left, too.
cd {shlex.quote(str(folder))} || exit 1
exec {words} --shard="$SLURM_ARRAY_TASK_ID/{shards}"
"""


def _htcondor(command: list[str], shards: int, output: Path, folder: Path) -> str:
    name, (program, *words) = plain_name(output), command
    arguments = " ".join(map(condor_word, [*words, f"--shard=$(Process)/{shards}"]))
    return f"""# Save this as {name}.sub, and condor_submit it. When all jobs are done:
#   cd {shlex.quote(str(folder))} && {shlex.join(command)} --resume
# A shard that failed goes on where it was; the last command does what is left, too. The nodes see this folder.
universe = vanilla
executable = /usr/bin/env
arguments = "{condor_word(program)} {arguments}"
getenv = True
initialdir = {folder}
should_transfer_files = NO
request_cpus = 1
max_retries = 3
output = {name}.$(Process).log
error = {name}.$(Process).log
log = {name}.condor.log
queue {shards}
"""


def plain_name(output: Path) -> str:
    """A name for scripts and logs that neither system takes apart; they lie in the folder itself, which is there."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", output.stem)


def condor_word(word: str) -> str:
    """A word of HTCondor's new syntax: in single quotes where it has blanks, quotes doubled."""
    doubled = word.replace('"', '""').replace("'", "''")
    return f"'{doubled}'" if any(letter in word for letter in " '\t") else doubled


#: batch system → its file
SYSTEMS: dict[str, Callable[[list[str], int, Path, Path], str]] = {"slurm": _slurm, "htcondor": _htcondor}
