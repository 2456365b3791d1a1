"""JSON to attrs objects: hooks of one cattrs converter, and the code that is generated for each class."""
