INSERT INTO cells SELECT CAST(? AS INTEGER), z.stratum, ?, CAST(NULL AS VARCHAR), z.probability, z.weight
FROM cell_sizes AS z
-- bound: [1, 'random']
