"""Many machines: job arrays of the batch systems that sites have, and engines that do the blocks of a long job."""

from __future__ import annotations

from moliere.cluster.arrays import SYSTEMS, array_job
from moliere.cluster.engines import find_engine
from moliere.cluster.trainings import TRAININGS, TrainingJob, training_job

__all__ = ["SYSTEMS", "TRAININGS", "TrainingJob", "array_job", "find_engine", "training_job"]
