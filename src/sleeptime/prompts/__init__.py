"""What we say to models: one folder of Jinja files per model family (profile), and the fences around data.

Knows nothing of models, strategies or routes.
"""
