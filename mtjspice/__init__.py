"""Circuit-level SPICE co-simulation of neural networks in arrays of magnetic tunnel junctions."""

from importlib.metadata import version

__version__ = version("mtjspice")
