"""Gate: how far a context tells what will be asked of it, and patience near a cap. Knows nothing of stores."""
