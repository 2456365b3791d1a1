"""Decode bytes to events and models, and accumulate events to results. Pure: no I/O, no clock."""
