-- The company's working calendar, a row for each day of its place: {hours} are weekday (1 is Monday) and minutes on the
-- clock on the wall from which and to which work goes on. A day whose clocks change is looked at minute by minute.
, calendar AS
(
    SELECT
        *,
        sum(length) OVER (ORDER BY work_day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - length AS worked_before,
        sum(is_workday) OVER (ORDER BY work_day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS ordinal
    FROM
    (
        SELECT
            work_day,
            toInt64(toUnixTimestamp(toDateTime(work_day, {calendar_zone:String}))) * 1000 AS from_ms,
            toInt64(toUnixTimestamp(toDateTime(work_day + 1, {calendar_zone:String}))) * 1000 AS to_ms,
            arrayFilter(one -> one.1 = toDayOfWeek(work_day) AND NOT has({days_off:Array(Date)}, work_day),
                {hours:Array(Tuple(Int64, Int64, Int64))}) AS stretches,
            toInt64(NOT {works:UInt8} OR notEmpty(stretches)) AS is_workday,
            if(to_ms - from_ms = 86400000,
                arrayMap(one -> (from_ms + one.2 * 60000, from_ms + one.3 * 60000), stretches),
                arrayMap(minute -> (from_ms + minute * 60000, from_ms + (minute + 1) * 60000), arrayFilter(
                    minute -> arrayExists(one -> wall_minutes[minute + 1] >= one.2 AND wall_minutes[minute + 1] < one.3,
                        stretches), range(length(wall_minutes))))) AS stints,
            arrayMap(minute -> toHour(toDateTime(intDiv(from_ms, 1000) + minute * 60, {calendar_zone:String})) * 60
                + toMinute(toDateTime(intDiv(from_ms, 1000) + minute * 60, {calendar_zone:String})),
                range(toUInt64(if(to_ms - from_ms = 86400000, 0, greatest(0, intDiv(to_ms - from_ms, 60000)))))) AS wall_minutes,
            arraySum(one -> one.2 - one.1, stints) AS length
        FROM
        (
            SELECT first_one - 2 + step AS work_day
            FROM (SELECT min(first_day) AS first_one FROM spans) AS firsts
            CROSS JOIN (SELECT max(day) AS last_one FROM spine) AS lasts
            ARRAY JOIN range(toUInt32(greatest(0, last_one - first_one + 4))) AS step
            WHERE first_one > '1970-01-01' -- that of no events
        )
    )
)
