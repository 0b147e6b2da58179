"""Wake (T_b): answer a query about a context within a budget, with the help of notes.

Values in, values out: knows nothing of stores, providers or prices.
"""
