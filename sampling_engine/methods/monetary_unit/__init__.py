"""Monetary unit rounds: amounts as minor units, their cumulation, and the selected units."""
