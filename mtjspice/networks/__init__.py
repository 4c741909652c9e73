"""Samples through the layers of a network, at each level: ideal, surrogate, nodal, SPICE."""
