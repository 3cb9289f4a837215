-- name: put
select app.keep_notice($1, $2, $3, $4, $5)

-- name: waiting
select id, kind, received_at, body from app.waiting_notices($1, $2)
