r"""Text from outside, as it may stand in a sentence of ours: it is shown, and never obeyed.

Messages, codes, names and ids of the API, names of files, and what a destination has recorded may
hold anything. In a terminal some of it is a command, and in a log some of it is a new line:

    in the text                        could                                       is shown as
    ---------------------------------  ------------------------------------------  ---------------
    ESC, BEL, other C0 and C1          clear the screen, set its title, ring       `\x1b` `\x07`
    a line break, of whatever kind     forge a line that seems to be ours          `\n` `\u2028`
    a control of direction             show a text in another order than it has    `\u202e`
    half a character, no character     break the output itself                     `\ud800`

So every error, note and finding is made with `shown`, wherever its parts come from, and nothing
else need think of it. Rows are data: in tables and lines they stay as they came.
"""

from __future__ import annotations


def shown(text: str) -> str:
    """The text on one line, with an escape for every character that is not printable.

    What was shown already stays as it is.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
