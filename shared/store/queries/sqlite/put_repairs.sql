-- Writes what was tried, given as one JSON array. What is stored of a later attempt stays.
insert into repairs (
    exchange, symbol, first_missing_id, last_missing_id, missing_count, from_time, to_time,
    minute, attempts, outcome, reason, last_attempt, next_attempt, throttled_until
)
select
    value ->> 'exchange', value ->> 'symbol', value ->> 'first_missing_id',
    value ->> 'last_missing_id', value ->> 'missing_count', value ->> 'from_time',
    value ->> 'to_time', value ->> 'minute', value ->> 'attempts', value ->> 'outcome',
    value ->> 'reason', value ->> 'last_attempt', value ->> 'next_attempt',
    value ->> 'throttled_until'
from json_each($1)
where true -- without it SQLite takes the 'on' below for a join's
on conflict (exchange, symbol, first_missing_id) do update set
    last_missing_id = excluded.last_missing_id, missing_count = excluded.missing_count,
    from_time = excluded.from_time, to_time = excluded.to_time, minute = excluded.minute,
    attempts = excluded.attempts, outcome = excluded.outcome, reason = excluded.reason,
    last_attempt = excluded.last_attempt, next_attempt = excluded.next_attempt,
    throttled_until = excluded.throttled_until
where excluded.last_attempt >= repairs.last_attempt
