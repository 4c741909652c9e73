"""Numbers of transistor libraries: SPICE numbers, and arithmetic with the library's parameters.

Only what every simulator reads alike is taken: ``+ - * / **``, parentheses, names of parameters.
SPICE takes ``a**b**c`` from the left, and of a negative base the magnitude, others do not; such
expressions are refused, and so are functions and random numbers.
"""

import math
import re
from collections.abc import Callable
from typing import Final

from mtjspice.units import SUFFIXES

NUMBER: Final = re.compile(r"((?:\d+\.?\d*|\.\d+))(?:e([+-]?\d{1,4}))?([a-z]*)")
"""A SPICE number in lower case: digits, exponent, letters of which the first may be a suffix."""
TOKEN: Final = re.compile(
    r"\s*(?:((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?[a-z]*)|([a-z_]\w*)|(\*\*|[-+*/()]))", re.ASCII
)
POWERS: Final = {
    letters: round(math.log10(factor)) for letters, factor in SUFFIXES.items() if letters.isascii()
}
"""Powers of ten of SPICE's suffixes."""
LONGEST, DEEPEST = 1000, 30
"""Characters of an expression, and parentheses inside each other: longer than anybody writes."""


def number(text: str) -> float | None:
    """What a SPICE number in lower case says; None if it is none.

    SPICE passes over letters behind a number that are no suffix, as in ``3.3v`` and ``45nm``.
    ``mil`` is none: inside an expression SPICE reads a thousandth there, elsewhere an inch's. Nor
    is ``a``: an attometre to version 46, a letter to version 39.
    """
    match = NUMBER.fullmatch(text.lstrip("+-")) if text[1:2] not in {"+", "-"} else None
    if match is None or match[3].startswith(("mil", "a")) or match[3] == "e":
        return None
    suffix = "meg" if match[3].startswith("meg") else match[3][:1]
    exponent = int(match[2] or 0) + POWERS.get(suffix, 0)
    value = float(f"{match[1]}e{exponent}")
    return -value if text.startswith("-") else value


def evaluate(text: str, parameter: Callable[[str], float]) -> float:
    """The number that an expression in lower case comes to.

    Args:
        text: the expression, without quotes or braces around it.
        parameter: value of a parameter by its name.

    Raises:
        ValueError: saying why it comes to none.
    """
    if len(text) > LONGEST:
        raise ValueError(f"an expression of {len(text)} characters; at most {LONGEST} are read")
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"{text[at:].strip()[:20]!r} is not arithmetic: " + ALLOWED)
        tokens.append(match[0].strip())
        at = match.end()
    value = _Expression(tokens, parameter).whole()
    if not math.isfinite(value):
        raise ValueError("comes to no finite number")
    return value


ALLOWED: Final = "numbers, parameters of the library, + - * / ** and parentheses are allowed"


class _Expression:
    """An expression that is being read, from the left."""

    def __init__(self, tokens: list[str], parameter: Callable[[str], float]):
        self.tokens = [*tokens, ""]
        self.at = self.depth = 0
        self.parameter = parameter

    def whole(self) -> float:
        value = self._sum()
        if self.tokens[self.at]:
            raise ValueError(f"{self.tokens[self.at]!r} is not expected there: {ALLOWED}")
        return value

    def _taken(self, *allowed: str) -> str:
        """The next token if it is one of these, which is then done with; empty otherwise."""
        token = self.tokens[self.at]
        if token not in allowed:
            return ""
        self.at += 1
        return token

    def _sum(self) -> float:
        value = self._product()
        while operator := self._taken("+", "-"):
            value += self._product() if operator == "+" else -self._product()
        return value

    def _product(self) -> float:
        value = self._signed()
        while operator := self._taken("*", "/"):
            factor = self._signed()
            if operator == "/" and factor == 0:
                raise ValueError("divides by zero")
            value = value * factor if operator == "*" else value / factor
        return value

    def _signed(self) -> float:
        sign = self._taken("+", "-")
        return -self._power() if sign == "-" else self._power()

    def _power(self) -> float:
        base = self._atom()
        if not self._taken("**"):
            return base
        exponent = self._atom()
        if self.tokens[self.at] == "**" or base < 0:
            raise ValueError("powers of powers and of negative numbers are read differently by "
                             "simulators: use parentheses, or write the number")  # fmt: skip
        try:
            return float(base**exponent)
        except (OverflowError, ZeroDivisionError):
            raise ValueError("comes to no finite number") from None

    def _atom(self) -> float:
        if self._taken("("):
            self.depth += 1
            if self.depth > DEEPEST:
                raise ValueError(f"more than {DEEPEST} parentheses inside each other")
            value = self._sum()
            self.depth -= 1
            if not self._taken(")"):
                raise ValueError("a parenthesis is not closed")
            return value
        token = self.tokens[self.at]
        self.at += 1
        if token[:1].isalpha() or token[:1] == "_":
            if self.tokens[self.at] == "(":
                raise ValueError(f"the function {token} is not evaluated: {ALLOWED}")
            return self.parameter(token)
        found = number(token) if token[:1].isdigit() or token[:1] == "." else None
        if found is None:
            raise ValueError(f"{token or 'its end'!r} is not expected there: {ALLOWED}")
        return found
