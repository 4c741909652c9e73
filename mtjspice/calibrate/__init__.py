"""Fit the surrogate to SPICE, hold it against runs that it never saw, and write its card."""
