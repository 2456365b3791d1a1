"""The resources of `KnowledgeClient`."""
