"""The error that ends the command with one line."""


class DashboardError(Exception):
    """The page cannot be built; the message names the cause and the remedy."""
