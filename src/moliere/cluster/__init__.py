"""Many machines: job arrays of the batch systems that sites have."""

from __future__ import annotations

from moliere.cluster.arrays import SYSTEMS, array_job
from moliere.cluster.trainings import TRAININGS, TrainingJob, training_job

__all__ = ["SYSTEMS", "TRAININGS", "TrainingJob", "array_job", "training_job"]
