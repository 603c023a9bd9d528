"""The two-stage flow: what each layer holds, then how its cells share it."""
