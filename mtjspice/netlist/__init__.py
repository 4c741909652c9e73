"""Experiment -> netlist: pure and deterministic; node names are made in one place."""

from mtjspice.netlist.deck import Deck, build_deck

__all__ = ["Deck", "build_deck"]
