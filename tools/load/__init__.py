"""A cheap crowd: many calls by SIP to a bridge on this machine, from one thread, measured by kernel time stamps.

`python -m tools.load --help` tells how to use it.
"""
