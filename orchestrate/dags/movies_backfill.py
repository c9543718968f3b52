"""Fetch years that the daily run does not: a shard a year, on as many workers as there are.

Each shard has a state of its own, which begins with what is known and is merged into the main state
afterwards. The shards share the requests that are left today; what remains is pending, and the
next backfill or daily run continues with it.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Param, TriggerRule, chain
from movies_pipeline.alerts import post_alert
from movies_pipeline.backfill import (
    NAMED_NOTHING,
    REFRESH_NOTHING,
    SEARCH_NOTHING,
    TYPES,
    YEARS_PATTERN,
    parse_years,
    shards,
)
from movies_pipeline.operators import DEFAULTS, MELTANO, SHARDS_POOL, STATE_POOL, meltano_run
from movies_pipeline.project import load_pipeline

EXTRACT_AND_LOAD = "tap-omdb target-postgres"
STATES = ".venv/bin/python orchestrate/states.py"
# Runs of one checkout at the same time overwrite each other's catalog in .meltano/run, so each
# has a .meltano of its own, with the same plugins and database.
SHARD = f"""\
set -e
{STATES} seed "$STATE_ID_SUFFIX"
export MELTANO_SYS_DIR_ROOT="$PWD/.meltano/shards/$STATE_ID_SUFFIX"
mkdir -p "$MELTANO_SYS_DIR_ROOT"
ln -sfn "$PWD"/.meltano/{{extractors,loaders,utilities,meltano.db}} "$MELTANO_SYS_DIR_ROOT"
{MELTANO} run --state-id-suffix="$STATE_ID_SUFFIX" {EXTRACT_AND_LOAD}
"""


def plan(requests_left: str, params: dict[str, Any]) -> list[dict[str, str]]:
    """Return the variables of each shard; `params` are those of the DAG run."""
    left = int(requests_left)
    requests = min(left, params["requests"] or left)
    return shards(parse_years(params["years"]), params["types"], requests)


with DAG(
    dag_id="movies_backfill",
    description="Fetch years, a shard each",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    tags=["movies"],
    is_paused_upon_creation=False,
    params={
        "years": Param(
            type="string",
            pattern=YEARS_PATTERN,
            title="Years",
            description="Such as 2010, 2012-2015",
        ),
        "types": Param(
            ["movie"],
            type="array",
            items={"enum": [*TYPES]},
            minItems=1,
            title="Types",
        ),
        "requests": Param(
            0,
            type="integer",
            minimum=0,
            title="Requests",
            description="That all shards may send together; 0: as many as are left today",
        ),
    },
):
    # First, what earlier runs found and did not fetch, since it would be in the state of every
    # shard. This also creates the tables, so that shards do not do so at the same time.
    fetch_pending = meltano_run(
        EXTRACT_AND_LOAD,
        {
            **NAMED_NOTHING,
            **REFRESH_NOTHING,
            **SEARCH_NOTHING,
            "TAP_OMDB_TYPES": "{{ params.types | join(',') }}",
        },
        task_id="fetch_pending",
    )
    requests_left = BashOperator(
        task_id="requests_left",
        bash_command=f"exec {STATES} left",
        **{**DEFAULTS, "do_xcom_push": True},
    )
    plan_shards = PythonOperator(
        task_id="plan_shards",
        python_callable=plan,
        op_args=[requests_left.output],
        on_failure_callback=post_alert,
    )
    shard = BashOperator.partial(
        task_id="shard",
        bash_command=SHARD,
        pool=SHARDS_POOL,
        map_index_template="{{ task.env['TAP_OMDB_YEARS'] }}",
        **DEFAULTS,
    ).expand(env=plan_shards.output)
    # Also if a shard has failed: what it has loaded is not requested again.
    merge_states = BashOperator(
        task_id="merge_states",
        bash_command=f"exec {STATES} merge",
        pool=STATE_POOL,
        trigger_rule=TriggerRule.ALL_DONE,
        **DEFAULTS,
    )
    build, *checks = (meltano_run(step, {}) for step in load_pipeline().after_load())
    build.trigger_rule = TriggerRule.NONE_FAILED
    chain(fetch_pending, requests_left)
    chain(shard, merge_states, build, *checks)
    shard >> build
