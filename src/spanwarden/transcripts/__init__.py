"""Files that hold a run: native and tracegate JSON, session logs of coding agents."""
