"""Text that others wrote, made fit for a terminal.

A file's content or name can hold control characters, which move the cursor, recolour
or erase what a terminal shows, and marks that reverse the order of letters.  Every
such text passes through `printable` before anybody reads it.
"""


def printable(text: object, longest: int | None = None, keep: str = "") -> str:
    r"""The text with each character that cannot be seen written out, such as `\x1b`.

    Args:
      text: anything; its `str` is taken.
      longest: cut longer texts to this number of characters, the last three dots.
      keep: characters that stay as they are, such as line breaks.
    """
    whole = str(text)
    if longest is not None:
        whole = whole[: longest + 1]  # what is cut anyway need not be looked at
    seen = "".join(c if c in keep or c.isprintable() else _escaped(c) for c in whole)
    if longest is None or len(seen) <= longest:
        return seen
    return seen[: longest - 3] + "..."


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
