"""The async clients: which resources, with which credentials."""
