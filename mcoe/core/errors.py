"""The one exception a user is meant to read."""

from mcoe.core.text import sentence


class McoeError(Exception):
    """Bad input, device or option, told in one sentence that names it and says what to do next.

    The command line prints it and exits with code 2; the window shows it and goes on. Whatever it was made of, a name
    from a file or a server's answer, it is one plain line of at most :data:`mcoe.core.text.SENTENCE_LENGTH` characters.
    """

    def __init__(self, text: object = "") -> None:
        super().__init__(sentence(str(text)))
