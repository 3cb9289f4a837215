-- name: add
insert into public.cutover_comparisons (tenant_id, at, trace_id, path, model, first,
  our_model, our_status, our_fault, our_first_ms, our_total_ms, our_cost_micros, our_finish, our_size, our_digest,
  their_model, their_status, their_fault, their_first_ms, their_total_ms, their_cost_micros, their_finish, their_size,
  their_digest, agrees, why, similarity, sample)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
  $25, $26, $27, $28)

-- name: count
insert into public.cutover_counts as c (tenant_id, hour, way, n) values ($1, $2, $3, $4)
on conflict (tenant_id, hour, way) do update set n = c.n + excluded.n

-- name: since
select * from public.cutover_comparisons
where tenant_id = $1 and at >= $2
order by at desc, id desc
limit $3

-- name: counts
select way, sum(n)::bigint as n from public.cutover_counts
where tenant_id = $1 and hour >= date_trunc('hour', $2::timestamptz, 'UTC')
group by way

-- name: sweep
-- For all tenants at once, so through a narrow function.
select app.sweep_cutover($1, $2) as gone
