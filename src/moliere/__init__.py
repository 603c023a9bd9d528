"""Fast detector simulation with generative models: shower data in, a trained and proven fast simulation out."""

from __future__ import annotations

from importlib.metadata import version

from moliere import samples
from moliere.detectors import catalog
from moliere.events import Events

__all__ = ["Events", "__version__", "catalog", "samples"]

__version__ = version("moliere")
