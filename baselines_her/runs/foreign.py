"""Makes text from unknown sources safe to print on a terminal.

A file's content or name can hold control characters, which move the cursor or recolour
and erase what a terminal shows, and marks that reverse the order of letters.  Every
such text passes through `printable` before it is shown.
"""


def printable(text: object, longest: int | None = None, keep: str = "") -> str:
    r"""The text with each invisible character written out, such as `\x1b`.

    Args:
      text: any object; `str` is applied to it.
      longest: longer texts are cut to this length and end in three dots.
      keep: characters that are not changed, such as line breaks.
    """
    whole = str(text)
    if longest is not None:
        whole = whole[: longest + 1]  # the rest would be cut anyway
    seen = "".join(c if c in keep or c.isprintable() else _escaped(c) for c in whole)
    if longest is None or len(seen) <= longest:
        return seen
    return seen[: longest - 3] + "..."


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
