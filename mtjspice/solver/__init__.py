"""The exact nodal solution of an array: wires, access devices, defects; differentiable (torch)."""
