"""Experiment -> circuit as data -> netlist: pure and deterministic; a dialect writes it."""

from mtjspice.netlist.deck import Deck, build_deck

__all__ = ["Deck", "build_deck"]
