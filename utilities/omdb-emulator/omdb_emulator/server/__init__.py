"""Serving the application: the HTTP server, in the foreground or in the background."""
