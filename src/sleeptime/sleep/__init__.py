"""Sleep (S): strategies that study a context while no query waits, and what makes one learned context of their drafts.

Values in, values out: knows nothing of stores, jobs, providers or prices.
"""
