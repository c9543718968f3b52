"""What outlives a run: the sync state, the request counts and the cached responses."""


class StateError(ValueError):
    """What an earlier run has stored cannot be used; the message gives the remedy."""
