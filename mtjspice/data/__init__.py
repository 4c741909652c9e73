"""Datasets that networks learn from, and results on disk."""
