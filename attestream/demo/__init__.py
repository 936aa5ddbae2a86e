"""The simulated cloud of the demonstration: a small organisation's CloudTrail files, made from a seed.

Nothing here judges: it only makes what AWS would deliver, so that the real service has something true to its shape to read.
"""
