"""What outlives a run: the sync state, the request counts and the cached responses."""
