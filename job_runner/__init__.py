"""What runs: accepting jobs, running them on threads, publishing their results, recovering.

It resolves a ref to files and hands those to an engine. No Flask.
"""
