select scope, reason, by_actor, at from app.standing_stops() order by scope
