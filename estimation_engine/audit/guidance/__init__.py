"""The calculations of the European Commission's guidance on sampling for audit authorities.

EGESIF_16-0014-01 of 20 January 2017; sections are named by their numbers. The registry is
:mod:`estimation_engine.audit.calculations`.
"""
