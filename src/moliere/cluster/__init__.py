"""Many machines: job arrays of the batch systems that sites have."""

from __future__ import annotations

from moliere.cluster.arrays import SYSTEMS, array_job

__all__ = ["SYSTEMS", "array_job"]
