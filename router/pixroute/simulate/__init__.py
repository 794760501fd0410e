"""Routing in virtual time."""
