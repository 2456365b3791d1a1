"""The core: one session, one way to send a request, one way to open a stream, and the life of a run."""
