"""Experiments: generated worlds with executable truth, on which sleep-time compute is measured."""
