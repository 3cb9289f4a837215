-- name: put
-- Of no tenant, so through a narrow function.
select app.put_quarantine($1, $2, $3)

-- name: all
select model, why from app.quarantined($1)
