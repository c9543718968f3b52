select
    string_agg(
        case
            when code between 1 and 55295 or code between 57344 and 1114111 then chr(code)
            else original
        end, '' order by place
    )
from (
    select
        found.place,
        found.parts[1] as original,
        case
            when found.parts[1] ~ '^&#[0-9]' then rtrim(substr(found.parts[1], 3), ';')::integer
            when found.parts[1] ~ '^&#[xX]'
                then ('x' || lpad(rtrim(substr(found.parts[1], 4), ';'), 8, '0'))::bit(32)::integer
            else
                case found.parts[1]
                    when '&amp;' then 38
                    when '&lt;' then 60
                    when '&gt;' then 62
                    when '&quot;' then 34
                    when '&apos;' then 39
                    when '&nbsp;' then 160
                end
        end as code
    from
        regexp_matches(
            encoded,
            '&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|amp|lt|gt|quot|apos|nbsp);|[^&]+|&', 'g'
        ) with ordinality as found (parts, place)
) as pieces
