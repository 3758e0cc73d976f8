"""Sampling of clusters: in strata, with equal chances or by size, in one to three stages."""
