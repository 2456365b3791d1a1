"""Requests: one session per event loop, credentials, retries, errors."""
