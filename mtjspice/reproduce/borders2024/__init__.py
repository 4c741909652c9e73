"""MNIST on 36 dies of 20,000 junctions with defects (Borders et al. 2024)."""
