"""How rows are chosen: the seeded order, walk, scan, strata, Pareto keys, grids."""
