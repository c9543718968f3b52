"""The error that ends the command with one line."""


class ExportError(Exception):
    """Nothing can be written; the message names the cause and the remedy."""
