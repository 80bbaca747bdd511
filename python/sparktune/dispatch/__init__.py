"""Runs the trials of a search side by side, on whatever a `Backend` stands for."""
