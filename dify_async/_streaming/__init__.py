"""The life of a streamed run: open, read, recover, leave."""
