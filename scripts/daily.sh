#!/usr/bin/env bash
# The pipeline now and then daily at DAILY_AT (UTC), for where there is no scheduler: in a container.
# If it fails, or is not healthy, an alert is sent to ALERT_WEBHOOK_URL.
set -euo pipefail
cd "$(dirname "$0")/.."

at=${DAILY_AT:-01:30}
date --utc --date="$at" > /dev/null || { echo "DAILY_AT is not a time such as 01:30" >&2; exit 2; }
# In the background and waited for, since bash handles no signal while it waits for a foreground
# process. A signal may also come before the process is known, hence `stopping`.
log=$(mktemp)
pid=
stopping=
trap 'stopping=1; kill "$pid" 2> /dev/null || true' TERM INT
started() {
  pid=$!
  [ -z "$stopping" ] || kill "$pid" 2> /dev/null || true
}
ended() {
  local code=0
  wait "$pid" || code=$?
  wait # for its end after a signal, and for the rest of the log
  [ -z "$stopping" ] || exit 0
  return "$code"
}
run() {
  "$@" > "$log" 2>&1 &
  started
  tail --pid="$pid" --follow --lines=+1 "$log" &
  ended
}

while true; do
  problem=
  run .venv/bin/meltano run sync || problem="The daily run failed."
  [ -n "$problem" ] || run .venv/bin/meltano invoke dbt:health || problem="It is not healthy."
  if [ -n "$problem" ] && [ -n "${ALERT_WEBHOOK_URL:-}" ]; then
    .venv/bin/python scripts/alert.py --log "$log" "movies on $(hostname): $problem" || true
  fi
  now=$(date +%s)
  next=$(date --utc --date="$at" +%s)
  [ "$next" -gt "$now" ] || next=$(date --utc --date="$at tomorrow" +%s)
  echo "The next run begins at $(date --utc --date="@$next" --iso-8601=minutes)."
  sleep "$((next - now))" &
  started
  ended
done
