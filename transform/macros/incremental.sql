{#
  How incremental models find out what to do.

  Each row of a mart has `loaded_at`: when the loader wrote the title that it comes from. The
  rows of a title are up to date if their `loaded_at` equals the title's. So a build does not
  rely on the previous one having succeeded, and a title that arrives late, or loses an item
  of a list, needs no special treatment.
#}

{# Titles loaded before this time are already in `existing`. A literal, because the planner then
   knows from the statistics that few rows are newer. #}
{% macro incremental_cutoff(existing) -%}
    {%- set newest = run_query('select max(loaded_at) from ' ~ existing).columns[0][0] -%}
    {%- if newest is none -%}
        timestamp '-infinity'
    {%- else -%}
        timestamp '{{ newest }}' - interval '{{ var("lookback") }}'
    {%- endif -%}
{%- endmacro %}


{# Whether `existing` lacks the current version of a title. #}
{% macro is_new_or_changed(titles, existing, key=['imdb_id']) -%}
    {%- if existing is none -%} {# not built yet #}
        true
    {%- else -%}
        {{ titles }}.loaded_at >= {{ incremental_cutoff(existing) }}
        and not exists (
            select 1
            from {{ existing }} as existing
            where
                existing.loaded_at = {{ titles }}.loaded_at
                {%- for column in key %}
                and existing.{{ column }} = {{ titles }}.{{ column }}
                {%- endfor %}
        )
    {%- endif -%}
{%- endmacro %}


{#
  The same for a dimension. Its rows belong to no title, so it checks the bridge table, which is
  built after it. Not by ref(), because the bridge already references the dimension.
#}
{% macro is_new_or_changed_in_bridge(titles, bridge) -%}
    {{ is_new_or_changed(titles, adapter.get_relation(this.database, this.schema, bridge)) }}
{%- endmacro %}


{#
  Pre-hook of a bridge table: deletes the rows of titles that have been loaded again since. Keeps
  the deleted rows' values of `key`, if given, for delete_orphans.
#}
{% macro delete_outdated_rows(key=none) -%}
    {%- set titles = ref('int_titles') -%} {# here, because dbt must see it in any case #}
    {%- if is_incremental() -%}
        {%- set delete -%}
            delete from {{ this }} as existing
            using {{ titles }} as movies
            where
                movies.kind = 'movie'
                and movies.imdb_id = existing.imdb_id
                and movies.loaded_at >= {{ incremental_cutoff(this) }}
                and movies.loaded_at <> existing.loaded_at
        {%- endset -%}
        {%- if key %}
            create temporary table {{ this.identifier }}_deleted on commit drop as
            select {{ key }} from {{ this }} limit 0;

            with deleted as (
                {{ delete }}
                returning existing.{{ key }}
            )

            insert into {{ this.identifier }}_deleted select distinct {{ key }} from deleted
        {%- else %}
            {{ delete }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{# Post-hook of a bridge table: deletes dimension rows that no row of the bridge references now. #}
{% macro delete_orphans(dimension, key, keep_if='false') -%}
    {%- if is_incremental() -%}
        delete from {{ dimension }} as dimension
        using {{ this.identifier }}_deleted as deleted
        where
            dimension.{{ key }} = deleted.{{ key }}
            and not ({{ keep_if }})
            and not exists (
                select 1 from {{ this }} as existing where existing.{{ key }} = dimension.{{ key }}
            )
    {%- endif -%}
{%- endmacro %}


{#
  Post-hook of movie_credits: a person whose name only deleted rows had spelt so gets the spelling that
  is left, as in a full build.
#}
{% macro correct_person_names(people) -%}
    {%- if is_incremental() -%}
        {{ update_person_names(people, this, 'select person_id from ' ~ this.identifier ~ '_deleted') }}
    {%- endif -%}
{%- endmacro %}


{# Gives some people the spelling of their credits that people.sql would choose. #}
{% macro update_person_names(people, credits, person_ids) -%}
    update {{ people }} as people
    set person_name = spelt.person_name
    from (
        select credits.person_id, max(credits.credited_as collate "C") as person_name
        from {{ credits }} as credits
        where credits.person_id in ({{ person_ids }})
        group by credits.person_id
    ) as spelt
    where people.person_id = spelt.person_id and people.person_name <> spelt.person_name
{%- endmacro %}


{#
  Pre-hook of a table of titles: deletes titles whose type has changed in OMDb since, a movie with its
  rows in the bridge tables, and with the dimensions' rows that no other movie references.
#}
{% macro delete_titles_of_another_type(kind) -%}
    {%- set titles = ref('int_titles') -%} {# here, because dbt must see it in any case #}
    {%- if is_incremental() -%}
        {%- set query -%}
            select quote_literal(existing.imdb_id)
            from {{ this }} as existing
            inner join {{ titles }} as titles on existing.imdb_id = titles.imdb_id
            where titles.kind <> '{{ kind }}' and titles.loaded_at >= {{ incremental_cutoff(this) }}
        {%- endset -%}
        {%- set gone = run_query(query).columns[0].values() | join(', ') -%}
        {%- if gone -%}
            {%- set credits = adapter.get_relation(this.database, this.schema, 'movie_credits') -%}
            {%- set of_people = [] -%}
            {%- if kind == 'movie' and credits is not none -%}
                {%- set query -%}
                    select distinct quote_literal(person_id) from {{ credits }} where imdb_id in ({{ gone }})
                {%- endset -%}
                {%- set of_people = run_query(query).columns[0].values() -%}
            {%- endif -%}
            {%- for table, key, dimension, keep_if in [
                ('movie_genres', 'genre_id', 'genres', 'false'),
                ('movie_countries', 'country_id', 'countries', 'dimension.is_known'),
                ('movie_languages', 'language_id', 'languages', 'dimension.is_known'),
                ('movie_companies', 'company_id', 'companies', 'false'),
                ('movie_credits', 'person_id', 'people', 'false'),
                ('movie_ratings', none, none, none),
                ('movie_awards', none, none, none),
            ] if kind == 'movie' -%}
                {%- set bridge = adapter.get_relation(this.database, this.schema, table) -%}
                {%- if bridge is not none and key is none %}
                    delete from {{ bridge }} where imdb_id in ({{ gone }});
                {%- elif bridge is not none %}
                    with deleted as (
                        delete from {{ bridge }} where imdb_id in ({{ gone }}) returning {{ key }}
                    )

                    delete from {{ this.incorporate(path={'identifier': dimension}) }} as dimension
                    where
                        dimension.{{ key }} in (select {{ key }} from deleted)
                        and not ({{ keep_if }})
                        and not exists (
                            select 1 from {{ bridge }} as existing
                            where
                                existing.{{ key }} = dimension.{{ key }}
                                and existing.imdb_id not in ({{ gone }})
                        );
                {%- endif -%}
            {%- endfor %}
            {%- if of_people %}
                {{ update_person_names(
                    this.incorporate(path={'identifier': 'people'}), credits, of_people | join(', ')
                ) }};
            {%- endif %}
            delete from {{ this }} where imdb_id in ({{ gone }})
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{#
  Whether a title has been loaded, and requested from OMDb, since its last version in the
  snapshot. A response that is older than that version is not a change.
#}
{% macro is_changed_since_snapshot(titles) -%}
    {%- set history = adapter.get_relation(
        this.database, target.schema ~ '_snapshots', 'movie_metrics'
    ) -%}
    {%- if history is none -%}
        true
    {%- else -%}
        {{ titles }}.loaded_at >= {{ incremental_cutoff(history) }}
        and not exists (
            select 1
            from {{ history }} as version
            where
                version.imdb_id = {{ titles }}.imdb_id
                and version.dbt_valid_from >= coalesce({{ titles }}.fetched_at, {{ titles }}.loaded_at)
        )
    {%- endif -%}
{%- endmacro %}


{#
  Overrides dbt's macro, which reads all current versions, so that only those of changed titles
  are looked up.
#}
{% macro postgres__snapshot_staging_table(strategy, source_sql, target_relation) -%}
    {{
        default__snapshot_staging_table(strategy, source_sql, target_relation)
        | replace('snapshotted_data as (', 'snapshotted_data as not materialized (')
    }}
{%- endmacro %}


{# Post-hook: collects statistics of a new table, which autovacuum would do only later. #}
{% macro analyze_new_table() -%}
    {%- if config.get('materialized') in ('table', 'incremental') and not is_incremental() -%}
        analyze {{ this }}
    {%- endif -%}
{%- endmacro %}
