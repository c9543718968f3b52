declare
    value text;
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..10 loop
        begin
            execute query into value;
            -- Ends the subtransaction, and so gives up its locks.
            raise exception using errcode = 'YREAD';
        exception
            when sqlstate 'YREAD' then return value;
            when undefined_table or undefined_column or invalid_schema_name then return null;
            when lock_not_available or deadlock_detected then null;
        end;
    end loop;
    return null;
end
