"""Decode JSON to attrs objects, with cattrs hooks and a generated function for each class."""
