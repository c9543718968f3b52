declare
    counts jsonb;
begin
    execute (
        select
            'select jsonb_build_object('
            || string_agg(format('%1$L, (select count(*) from %2$I.%1$I)', relname, schema_name), ', ')
            || ')'
        from pg_class
        where relnamespace = schema_name::regnamespace and relkind = 'r'
    ) into counts;
    return counts;
end
