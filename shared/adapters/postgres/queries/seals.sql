-- name: seal
-- One batch; 0 where nothing is left.
select app.seal($1, $2)

-- name: check_seals
select number, before, entries, found, linked, fits from app.check_seals($1)

-- name: check_head
select number, fits, unsealed, tombstones from app.check_head($1)

-- name: due
select due from app.seals_due($1) as due
