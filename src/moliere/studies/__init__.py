"""Published studies as a whole: from the simulation to the page, each step kept where it is done."""

from __future__ import annotations

from moliere.studies.footprints import FootprintStudy, run_footprints
from moliere.studies.refinement import RefinementStudy, run_refinement

__all__ = ["FootprintStudy", "RefinementStudy", "run_footprints", "run_refinement"]
