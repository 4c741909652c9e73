"""How much of a sign-off was simulated, in words, and what follows for the rest."""

from collections.abc import Sequence

from mtjspice.report.numbers import points, shown
from mtjspice.signoff.findings import SignOffStory
from mtjspice.signoff.page_numbers import ConditionLine
from mtjspice.signoff.page_words import Words


def bought(story: SignOffStory, line: ConditionLine) -> str:
    """What was simulated under a condition, and what follows for the rest, in words."""
    words, s = Words(story), line.judged.statement
    many = len(line.dies) > 1
    every = f"{words.images(s.images)}{f' (counted on each {words.die})' if many else ''}"
    if line.skipped == 0:
        return f"All {every} were simulated, {_why_all(story, line)}: nothing rests on a bound."
    unsafe = (
        f"{s.unsafe:,} of {every} {'was' if s.unsafe == 1 else 'were'} not safe: an error that the "
        f"card allows could change their class"
        if s.unsafe
        else f"All {every} were safe: no error that the card allows changes their class"
    )
    last = "those drawn in the last round" if s.rounds > 1 else "the drawn ones"
    drawn = (
        f"{s.audited:,} of the safe ones {'was' if s.audited == 1 else 'were'} drawn at random "
        f"and simulated"
        f"{', as all that were not safe' if s.unsafe else ''}; "
        f"{f'{s.audit_flips:,}' if s.audit_flips else 'none'} of {last} flipped"
    )
    bound = (
        f"So {_may_flip(line)}, which can change the {'mean ' if many else ''}accuracy of the "
        f"{words.image}s given by at most ±{points(s.accuracy)}"
    )
    together = (
        f" These flips may all be on one {words.die}: its interval allows for that." if many else ""
    )
    return f"{unsafe}. {drawn}. {bound}.{together}"


def _may_flip(line: ConditionLine) -> str:
    """How many of the images that were not simulated flip at most."""
    s, most, all_of_them = line.judged.statement, line.most_flips, line.skipped
    sure = f" ({100 * s.confidence:.4g} % confidence by itself)" if most < all_of_them else ""
    if all_of_them == 1:
        return f"the one that was not simulated {'may' if most else 'does not'} flip{sure}"
    if not sure:
        return f"all of the {all_of_them:,} that were not simulated may flip"
    return (
        f"at most {shown(s.flip_rate, 'share')} of the {all_of_them:,} that were not simulated "
        f"flip{sure}"
    )


def _why_all(story: SignOffStory, line: ConditionLine) -> str:
    if story.full:
        return "as was asked for"
    if line.judged.statement.unsafe == line.judged.statement.images:
        return "because none was safe"
    return "because the audit takes all of the safe ones"


def simulated_title(lines: Sequence[ConditionLine]) -> str:
    """How much was simulated under all conditions."""
    images = sum(line.judged.statement.images for line in lines)
    simulated = sum(line.judged.statement.simulated for line in lines)
    if simulated == images:
        return "everything, so that nothing rests on a bound"
    fewer = f", {images / simulated:.3g} times less than everything" if simulated else ""
    bound = max(line.known.unseen for line in lines)
    return (
        f"{shown(simulated / images, 'share')} of all{fewer}; the others can change the accuracy "
        f"by ±{points(bound)}"
    )
