"""The store: contexts, learned contexts, queries and the ledger, on SQLite or PostgreSQL."""
