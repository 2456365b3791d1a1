"""The endpoints of Dify as tables of data."""
