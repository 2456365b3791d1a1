"""The resources of `WebAppClient`."""
