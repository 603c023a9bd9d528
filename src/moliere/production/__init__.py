"""Long productions: numbered blocks of events, done by any executor in any order, joined at the end."""

from __future__ import annotations

from moliere.production.calls import Engine
from moliere.production.job import Job
from moliere.production.produce import produce
from moliere.production.shards import produce_shard
from moliere.production.worker import Worker, Workers

__all__ = ["Engine", "Job", "Worker", "Workers", "produce", "produce_shard"]
