"""Every night by Airflow. Was run: Airflow 3.1.3, `airflow dags test lastpage`.

The workers have `lastpage` on their path and a disk that stays. GENESYS_CLIENT_ID,
GENESYS_CLIENT_SECRET and GENESYS_ENVIRONMENT are in their environment, from the secrets of the
deployment and not from this file. The log is the task's.
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

DESTINATION = "/var/lib/lastpage/conversations"

with DAG(
    "lastpage",
    schedule="17 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,  # a sync reads all that is due, also of nights that were missed
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=15)},
):
    sync = BashOperator(
        task_id="sync",
        bash_command=f"lastpage sync --to {DESTINATION} --since 2026-01-01",
        skip_on_exit_code=7,  # another run is at it
        append_env=True,
    )
    check = BashOperator(
        task_id="check",
        bash_command=f"lastpage status {DESTINATION} --max-age 26h",
        trigger_rule="all_done",
        append_env=True,
    )
    sync >> check
