"""The one exception a user is meant to read."""


class McoeError(Exception):
    """Bad input, device or option, told in one sentence that names it and says what to do next.

    The command line prints it and exits with code 2; the window shows it and goes on.
    """
