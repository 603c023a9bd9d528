"""The modules of the fourth kind run in processes of their own: nothing here may meet what they register."""

from __future__ import annotations

collect_ignore = ["point_cloud.py", "point_cloud_suite.py"]
