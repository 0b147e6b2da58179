"""Experiments: generated worlds with executable truth, and (extra `lab`) the tasks that measure sleep-time compute on them."""
