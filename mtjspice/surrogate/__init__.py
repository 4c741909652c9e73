"""The same circuits without a simulator: nodal solve, and the surrogate fitted to SPICE."""
