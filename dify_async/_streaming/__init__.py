"""Streamed runs: open, read, recover, close."""
