"""A training as a job of a batch system: it ends in good order when its time ends, and goes on when it runs again."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from moliere.cluster.arrays import condor_word, plain_name
from moliere.errors import ConfigError


@dataclass(frozen=True)
class TrainingJob:
    """What a batch system is asked for.

    Args:
        command: words of the training, the program's name first.
        run: folder of the training.
        folder: where the command runs.
        devices: processes on each node.
        nodes: how many nodes.
        on_cpu: whether the processes need no GPUs.
    """

    command: Sequence[str]
    run: Path
    folder: Path
    devices: int = 1
    nodes: int = 1
    on_cpu: bool = False


def training_job(system: str, job: TrainingJob) -> str:
    """The file to submit.

    Args:
        system: one of :data:`TRAININGS`.
        job: what is asked for.

    Raises:
        ConfigError: the system cannot do it.
    """
    return TRAININGS[system](job)


def _slurm(job: TrainingJob) -> str:
    name = plain_name(job.run)
    need = f"cpus-per-task={job.devices}" if job.on_cpu else f"gpus-per-node={job.devices}"
    return f"""#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --nodes={job.nodes}
#SBATCH --ntasks-per-node=1
#SBATCH --{need}
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output={name}.log
# Save this as {name}.slurm, and sbatch it.
# Put here what makes moliere known on a node: module load ..., source .../activate
# Two minutes before its time ends the job writes a checkpoint, queues itself again, and goes on from there. A job that
# failed or was cancelled goes on when it is submitted again. All nodes see this folder.
cd {shlex.quote(str(job.folder))} || exit 1
export MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000))
export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"
{_command(job, "srun --kill-on-bad-exit=1 ")} &
step=$!
# scancel speaks to the training alone; srun, if it is told to end, kills it
trap 'scancel --signal=TERM "$SLURM_JOB_ID"; wait $step; scontrol requeue "$SLURM_JOB_ID"; exit' USR1
wait $step
"""


def _htcondor(job: TrainingJob) -> str:
    if job.nodes > 1:
        raise ConfigError(f"HTCondor runs a training on one node, not on {job.nodes}; take one node, or Slurm")
    name = plain_name(job.run)
    need = f"request_cpus = {job.devices}" if job.on_cpu else f"request_gpus = {job.devices}"
    return f"""# Save this as {name}.sub, and condor_submit it.
# A job that is evicted writes a checkpoint and goes on from there; one that failed, when it is submitted again.
# The nodes see this folder.
universe = vanilla
executable = /bin/sh
arguments = "-c {condor_word(_command(job, "exec "))}"
getenv = True
initialdir = {job.folder}
should_transfer_files = NO
{need}
kill_sig = SIGTERM
job_max_vacate_time = 120
max_retries = 3
output = {name}.log
error = {name}.log
log = {name}.condor.log
queue
"""


def _command(job: TrainingJob, start: str) -> str:
    """A line for a shell: the training, which goes on where there is a checkpoint, and else begins again."""
    checkpoint, log = (shlex.quote(str(job.run / name)) for name in ("checkpoint.pt", "metrics.csv"))
    how = f"resume=; [ -e {log} ] && resume=--overwrite; [ -e {checkpoint} ] && resume=--resume"
    return f"{how}; {start}{shlex.join(job.command)} $resume"


#: batch system → its file
TRAININGS: dict[str, Callable[[TrainingJob], str]] = {"slurm": _slurm, "htcondor": _htcondor}
