"""The ledger: what every model call used and cost, and what sleep saved. Works on values; `store` keeps them."""
