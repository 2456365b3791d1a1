"""The wire: bytes to JSON to events and models, and events to a result. Pure: no clock, no socket."""
