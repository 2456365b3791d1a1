"""The resources that only `WebAppClient` has."""
