-- Writes what was tried, given as one JSON array. What is stored of a later attempt stays.
-- Columns are set from left to right, so that the one which decides comes last.
insert into repairs (
    exchange, symbol, first_missing_id, last_missing_id, missing_count, from_time, to_time,
    minute, attempts, outcome, reason, last_attempt, next_attempt, throttled_until
)
select
    repair.exchange, repair.symbol, repair.first_missing_id, repair.last_missing_id,
    repair.missing_count, str_to_date(repair.from_time, '%Y-%m-%dT%H:%i:%s.%fZ'),
    str_to_date(repair.to_time, '%Y-%m-%dT%H:%i:%s.%fZ'),
    str_to_date(repair.minute, '%Y-%m-%dT%H:%i:%sZ'), repair.attempts, repair.outcome,
    repair.reason, str_to_date(repair.last_attempt, '%Y-%m-%dT%H:%i:%s.%fZ'),
    str_to_date(repair.next_attempt, '%Y-%m-%dT%H:%i:%s.%fZ'),
    str_to_date(repair.throttled_until, '%Y-%m-%dT%H:%i:%s.%fZ')
from json_table(?, '$[*]' columns (
    exchange varchar(32) character set ascii collate ascii_bin path '$.exchange' error on error,
    symbol varchar(32) character set ascii collate ascii_bin path '$.symbol' error on error,
    first_missing_id bigint path '$.first_missing_id' error on error,
    last_missing_id bigint path '$.last_missing_id' error on error,
    missing_count bigint path '$.missing_count' error on error,
    from_time varchar(32) path '$.from_time' error on error,
    to_time varchar(32) path '$.to_time' error on error,
    minute varchar(32) path '$.minute' error on error,
    attempts bigint path '$.attempts' error on error,
    outcome varchar(16) character set ascii collate ascii_bin path '$.outcome' error on error,
    reason varchar(500) character set utf8mb4 path '$.reason' error on error,
    last_attempt varchar(32) path '$.last_attempt' error on error,
    next_attempt varchar(32) path '$.next_attempt' error on error,
    throttled_until varchar(32) path '$.throttled_until' error on error
)) as repair
order by 1, 2, 3
on duplicate key update
    last_missing_id = if(values(last_attempt) >= repairs.last_attempt, values(last_missing_id), repairs.last_missing_id),
    missing_count = if(values(last_attempt) >= repairs.last_attempt, values(missing_count), repairs.missing_count),
    from_time = if(values(last_attempt) >= repairs.last_attempt, values(from_time), repairs.from_time),
    to_time = if(values(last_attempt) >= repairs.last_attempt, values(to_time), repairs.to_time),
    minute = if(values(last_attempt) >= repairs.last_attempt, values(minute), repairs.minute),
    attempts = if(values(last_attempt) >= repairs.last_attempt, values(attempts), repairs.attempts),
    outcome = if(values(last_attempt) >= repairs.last_attempt, values(outcome), repairs.outcome),
    reason = if(values(last_attempt) >= repairs.last_attempt, values(reason), repairs.reason),
    next_attempt = if(values(last_attempt) >= repairs.last_attempt, values(next_attempt), repairs.next_attempt),
    throttled_until = if(values(last_attempt) >= repairs.last_attempt, values(throttled_until), repairs.throttled_until),
    last_attempt = if(values(last_attempt) >= repairs.last_attempt, values(last_attempt), repairs.last_attempt)
