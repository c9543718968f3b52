"""The ASGI application: OMDb behind Cloudflare, with fault injection and control endpoints."""
