"""Conditions of rules: a whitelisted subset of Python, compiled once."""
