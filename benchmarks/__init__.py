"""Benchmarks: each prints a table; ratios are taken in one run, since machines differ and are
noisy.
"""
