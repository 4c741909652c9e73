"""Trained weights against SPICE: every level's outputs, their metrics, the verdict."""
