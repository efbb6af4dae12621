"""Policies that ship with spanwarden."""
