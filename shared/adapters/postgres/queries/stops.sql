-- name: standing
select scope, reason, by_actor, at, ceiling from app.standing_stops()

-- name: set
select app.set_stop($1, $2, $3, $4, $5)

-- name: history
select scope, reason, by_actor, at from app.stop_history($1)
