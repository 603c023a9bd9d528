"""Networks that models are made of; none of them knows what it is used for."""

from __future__ import annotations
