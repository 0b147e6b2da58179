"""Datasets: builders and readers that give problems, and the JSON lines in which problems are kept."""
