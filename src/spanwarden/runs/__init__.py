"""The window: which run an observation belongs to, when the run is complete, what really happened in it."""
