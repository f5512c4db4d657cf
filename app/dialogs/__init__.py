"""Dialogs, one a file; each is built when it is first asked for."""
