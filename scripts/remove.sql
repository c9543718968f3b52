-- Removes a title, or a person's name, from the loaded data, for psql and a role that owns it:
--
--   psql --set=title=tt1375666 --file=scripts/remove.sql
--   psql --set=person='Tom Hanks' --file=scripts/remove.sql     (--set=schema=NAME: not omdb_...)
--
-- Before it, keep it out of later syncs; after it, rebuild the marts. See docs/operations.md.

\set ON_ERROR_STOP on
\if :{?schema}
\else
\set schema omdb
\endif
\if :{?title}
\else
\set title ''
\endif
\if :{?person}
\else
\set person ''
\endif

begin;

-- Not the marts, whose foreign keys would demand an order: dbt rebuilds them.
select format('delete from %I.%I where imdb_id = %L', table_schema, table_name, :'title')
from information_schema.columns
inner join information_schema.tables using (table_schema, table_name)
where
    :'title' <> ''
    and column_name = 'imdb_id'
    and table_type = 'BASE TABLE'
    and starts_with(table_schema, :'schema' || '_')
    and table_schema <> :'schema' || '_marts'
\gexec

-- A list of credits loses the name, with its note: "Tom Hanks (screenplay)". Other texts keep that
-- there was one.
select
    format(
        case
            when column_name in ('director', 'writer', 'actors') then
                'update %1$I.%2$I set %3$I = ('
                '    select string_agg(credit, '', '' order by position)'
                '    from unnest(string_to_array(%3$I, '', ''))'
                '        with ordinality as credits (credit, position)'
                '    where credit <> %4$L and not starts_with(credit, %4$L || '' ('')'
                ') where strpos(%3$I, %4$L) > 0'
            else
                'update %1$I.%2$I set %3$I = replace(%3$I, %4$L, ''[removed]'')'
                ' where strpos(%3$I, %4$L) > 0'
        end,
        table_schema,
        table_name,
        column_name,
        :'person'
    )
from information_schema.columns
inner join information_schema.tables using (table_schema, table_name)
where
    :'person' <> ''
    and table_type = 'BASE TABLE'
    and table_schema = :'schema' || '_raw'
    and data_type = 'text'
    and column_name in ('director', 'writer', 'actors', 'plot', 'title', 'awards')
\gexec

commit;
