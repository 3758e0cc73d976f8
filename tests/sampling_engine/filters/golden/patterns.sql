((s."city" LIKE ?) OR (NOT (s."city" ILIKE ?)))
-- ['New%', "%'s%"]
