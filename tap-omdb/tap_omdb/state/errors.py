"""The error that ends a run before it begins."""


class StateError(ValueError):
    """What an earlier run has stored cannot be used; the message gives the remedy."""
