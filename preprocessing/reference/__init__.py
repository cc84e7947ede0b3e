"""The preprocessing of the published reference, step by step, to be reproduced and compared with.

It is not what the gateway reads with: two of its steps lose tissue (see `film.py`). Ours is in the package around it.
"""
