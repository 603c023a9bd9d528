"""Generators of a muon flux: one published idea a file."""
