"""All attacks: every kind of input, hostile."""

from collections import Counter
from functools import cache

from fuzz.attack import Attack
from fuzz.descriptions import description_attacks
from fuzz.documents import document_attacks
from fuzz.libraries import library_attacks
from fuzz.surroundings import surroundings_attacks
from fuzz.tables import table_attacks
from fuzz.tensors import tensor_attacks


@cache
def attacks() -> tuple[Attack, ...]:
    """Each once, whatever its name."""
    found = [
        *library_attacks(), *document_attacks(), *tensor_attacks(), *table_attacks(),
        *description_attacks(), *surroundings_attacks(),
    ]  # fmt: skip
    return tuple({attack.content: attack for attack in found}.values())


def some_of_each(every: int) -> list[Attack]:
    """The first, and one of so many, of every kind."""
    seen, chosen = Counter[str](), []
    for attack in attacks():
        if seen[attack.kind] % every == 0:
            chosen.append(attack)
        seen[attack.kind] += 1
    return chosen
