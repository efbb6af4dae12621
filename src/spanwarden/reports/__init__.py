"""A run and its findings, written for people and for tools."""
