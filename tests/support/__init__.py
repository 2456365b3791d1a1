"""Shared helpers: servers, recordings, clients and checks. Test modules import helpers only from here."""
