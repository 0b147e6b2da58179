"""Gate: how far a context tells what will be asked of it. Knows nothing of stores."""
