"""The async clients: their resources, settings and credentials."""
