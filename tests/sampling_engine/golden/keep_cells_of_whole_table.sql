INSERT INTO cells SELECT CAST(? AS INTEGER), z.stratum, ?, CAST(NULL AS VARCHAR), z.eligible, z.sampled
FROM stratum_sizes AS z
-- bound: [1, 'random']
