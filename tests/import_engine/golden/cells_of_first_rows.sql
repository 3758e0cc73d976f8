SELECT left(c0, 400), left(c1, 400) FROM cells LIMIT 200
