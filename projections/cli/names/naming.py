"""Names that are wrong, said with those that exist. Pure: no I/O."""

from collections.abc import Callable, Collection, Iterable, Mapping

_MOST_CLOSE = 3
_MOST_LISTED = 8


def in_words(items: Iterable[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    *others, end = items
    return f"{', '.join(others)} {last} {end}" if others else end


def close_to(wanted: str, known: Collection[str]) -> list[str]:
    """Names similar to a wanted one, the most similar first; none if it is there itself.

    Similar is what differs by few letters or by their case, and what it is the beginning or
    the end of: people leave out the first part of long ids.
    """
    if wanted in known:
        return []
    import difflib  # for somebody who mistyped, nobody else

    found = difflib.get_close_matches(wanted, known, n=_MOST_CLOSE)
    lower = wanted.lower()
    if lower:
        found += [each for each in known if each.lower().startswith(lower)]
        found += [each for each in known if each.lower().endswith(lower)]
    return list(dict.fromkeys(found))[:_MOST_CLOSE]


def instead_of(wanted: str, known: Collection[str], many: str) -> str:
    """What to say of those that exist: `did you mean 'native'?`, `there are 'a' and 'b'`.

    `many` says where to find them all: only a few are listed.
    """
    close = close_to(wanted, known)
    if close:
        return f"did you mean {in_words(map(repr, close), 'or')}?"
    return these_are(known, many)


def turns_instead_of(wanted: str, there: Mapping[str, Collection[str]]) -> str:
    """What to say of the turns that exist, given by runtime, for `TURN` or `RUNTIME/TURN`.

    Those like it; else the last of them, which people ask for most.
    """
    names = [(runtime, turn) for runtime, turns in there.items() for turn in turns][::-1]
    known = list(dict.fromkeys(turn for _, turn in names))
    if "/" in wanted or not close_to(wanted, known):
        known = [f"{runtime}/{turn}" for runtime, turn in names]
    return instead_of(wanted, known, "`journal show` lists them")


def these_are(known: Collection[str], many: str) -> str:
    """`there is 'native'`, `there are 'a', 'b' and 12 more (…)`, `there is none`."""
    if not known:
        return "there is none"
    listed = [repr(each) for each, _ in zip(known, range(_MOST_LISTED), strict=False)]
    left_out = len(known) - len(listed)
    if left_out:
        listed.append(f"{left_out:,} more ({many})")
    return f"there {'is' if len(known) == 1 else 'are'} {in_words(listed)}"


def split_names(given: Iterable[str], known: Callable[[], Collection[str]]) -> list[str]:
    """The names in `a,b`, which may be given several times; an id that has a comma is one name.

    `known` gives the ids that exist. It is called only if there is a comma.
    """
    there: Collection[str] | None = None
    found: dict[str, None] = {}
    for name in given:
        if "," not in name:
            found[name] = None
            continue
        there = known() if there is None else there
        names = [name] if name in there else [part for part in name.split(",") if part]
        found.update(dict.fromkeys(names))
    return list(found)
