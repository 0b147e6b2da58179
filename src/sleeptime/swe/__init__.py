"""The software-engineering case: a git repository as the context, and which files a feature touches as the query."""
