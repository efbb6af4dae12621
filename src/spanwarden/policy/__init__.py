"""The policy language: schema, loader, evaluator and the built-in packs."""
