"""Fetch years that the daily run does not: a shard a year, on as many workers as there are.

Each shard has a state of its own, which begins with what is known and is merged into the main state
afterwards. The shards share the requests that are left today; what remains is pending, and the
next backfill or daily run continues with it.
"""

from __future__ import annotations

import json
import os
import subprocess
from datetime import datetime, timezone

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Param, TriggerRule, chain
from airflow.sdk.exceptions import AirflowFailException
from movies_pipeline import AFTER_EACH_JOB, PYTHON, ROOT
from movies_pipeline.operators import (
    ANY_TASK,
    COMMAND,
    MELTANO,
    SHARDS_POOL,
    STATE_POOL,
    meltano_run,
)

EXTRACT_AND_LOAD = "tap-omdb target-postgres"
STATES = "orchestrate/states.py"
INVALID = 2  # the exit code for a setting that is invalid
YEARS_PATTERN = r"^\s*\d{4}(-(\d{4})?)?(\s*,\s*\d{4}(-(\d{4})?)?)*\s*$"
SEARCH_ALONE = {
    # Titles that the settings name would be requested by every shard, and refreshed as well: both
    # are for the daily run.
    "TAP_OMDB_IMDB_IDS": "[]",
    "TAP_OMDB_TITLES": "[]",
    "TAP_OMDB_TITLES_FILE": "",
    "TAP_OMDB_SEARCH_TERMS": "[]",
    "TAP_OMDB_REFRESH": json.dumps(dict.fromkeys(("this_year", "recent", "older"), "never")),
    "TAP_OMDB_TYPES": "{{ params.types | join(',') }}",
}
# The tap requires a source; this one needs no search.
SEARCH_NOTHING = {**SEARCH_ALONE, "TAP_OMDB_YEARS": "2000", "TAP_OMDB_COVERAGE": "0"}
# Runs of one checkout at the same time overwrite each other's catalog in .meltano/run, so each
# has a .meltano of its own, with the same plugins and database.
SHARD = f"""\
set -e
SUFFIX="backfill-$TAP_OMDB_YEARS"
.venv/bin/python {STATES} seed "$SUFFIX"
export MELTANO_SYS_DIR_ROOT="$PWD/.meltano/shards/$SUFFIX"
mkdir -p "$MELTANO_SYS_DIR_ROOT"
ln -sfn "$PWD"/.meltano/{{extractors,loaders,utilities,meltano.db}} "$MELTANO_SYS_DIR_ROOT"
{MELTANO} run --state-id-suffix="$SUFFIX" {EXTRACT_AND_LOAD}
"""


def plan(variables: dict[str, str]) -> list[dict[str, str]]:
    """Return the variables of each shard.

    Args:
        variables: Settings of the tap for all shards together.

    Raises:
        AirflowFailException: A setting is invalid, so that another try would fail again.
        RuntimeError: The state cannot be read.
    """
    finished = subprocess.run(  # noqa: S603
        [PYTHON, STATES, "plan"],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode == INVALID:
        raise AirflowFailException(finished.stderr.strip())
    if finished.returncode:
        raise RuntimeError(finished.stderr.strip())
    print(finished.stdout)  # noqa: T201 - to the task's log
    return [{**variables, **shard} for shard in json.loads(finished.stdout)]


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
            items={"enum": ["movie", "series", "episode", "game"]},
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
    fetch_pending = meltano_run(EXTRACT_AND_LOAD, SEARCH_NOTHING, task_id="fetch_pending")
    plan_shards = PythonOperator(
        task_id="plan_shards",
        python_callable=plan,
        op_args=[
            {
                **SEARCH_ALONE,
                "TAP_OMDB_YEARS": "{{ params.years }}",
                "TAP_OMDB_MAX_REQUESTS": "{{ params.requests or '' }}",
            },
        ],
        **ANY_TASK,
    )
    shard = BashOperator.partial(
        task_id="shard",
        bash_command=SHARD,
        pool=SHARDS_POOL,
        map_index_template="{{ task.env['TAP_OMDB_YEARS'] }}",
        **COMMAND,
    ).expand(env=plan_shards.output)
    # Also if a shard has failed: what it has loaded is not requested again.
    merge_states = BashOperator(
        task_id="merge_states",
        bash_command=f"exec .venv/bin/python {STATES} merge",
        pool=STATE_POOL,
        trigger_rule=TriggerRule.ALL_DONE,
        **COMMAND,
    )
    build, *checks = (meltano_run(step, {}) for step in ("dbt:run", *AFTER_EACH_JOB))
    build.trigger_rule = TriggerRule.NONE_FAILED
    chain(fetch_pending, plan_shards)
    chain(shard, merge_states, build, *checks)
    shard >> build
