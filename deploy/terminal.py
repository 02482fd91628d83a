"""Text from elsewhere, fit for a terminal."""

__all__ = ["INTERRUPTED", "printable"]

INTERRUPTED = 130  # exit code after a Ctrl-C, the shell's own


def printable(value: object) -> str:
    """The value as text, None as none; control characters but line ends and tabs are shown as codes."""
    text = "" if value is None else str(value)
    return "".join(one if one.isprintable() or one in "\n\t" else ascii(one)[1:-1] for one in text)
