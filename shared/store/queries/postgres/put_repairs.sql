-- Writes what was tried, given as one JSON array. What is stored of a later attempt stays.
insert into repairs (
    exchange, symbol, first_missing_id, last_missing_id, missing_count, from_time, to_time,
    minute, attempts, outcome, reason, last_attempt, next_attempt, throttled_until
)
select
    exchange, symbol, first_missing_id, last_missing_id, missing_count, from_time, to_time,
    minute, attempts, outcome, reason, last_attempt, next_attempt, throttled_until
from json_to_recordset($1::json) as repair (
    exchange text, symbol text, first_missing_id bigint, last_missing_id bigint,
    missing_count bigint, from_time timestamptz, to_time timestamptz, minute timestamptz,
    attempts bigint, outcome text, reason text, last_attempt timestamptz,
    next_attempt timestamptz, throttled_until timestamptz
)
order by exchange, symbol, first_missing_id
on conflict (exchange, symbol, first_missing_id) do update set
    last_missing_id = excluded.last_missing_id, missing_count = excluded.missing_count,
    from_time = excluded.from_time, to_time = excluded.to_time, minute = excluded.minute,
    attempts = excluded.attempts, outcome = excluded.outcome, reason = excluded.reason,
    last_attempt = excluded.last_attempt, next_attempt = excluded.next_attempt,
    throttled_until = excluded.throttled_until
where excluded.last_attempt >= repairs.last_attempt
