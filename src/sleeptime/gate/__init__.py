"""Gate: whether, when and how much to sleep on a context. Knows nothing of stores and providers."""
