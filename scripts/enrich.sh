#!/usr/bin/env bash
# Loads a list and writes it enriched with the data of its titles: `make enrich LIST=watchlist.csv`. With a key
# it asks OMDb (dev, or ENVIRONMENT=prod), otherwise the emulator (demo).
set -euo pipefail

[ -f "${1-}" ] || { echo "There is no file '${1-}'. Name your list: make enrich LIST=watchlist.csv" >&2; exit 1; }
TAP_OMDB_TITLES_FILE=$(realpath -- "$1")
shift
cd "$(dirname "$0")/.."

setting() { .venv/bin/dotenv get "$1" 2> /dev/null || true; }
environment=${ENVIRONMENT:-dev}
if [ -z "${ENVIRONMENT:-}" ] && [ -z "${TAP_OMDB_API_KEY:-$(setting TAP_OMDB_API_KEY)}" ]; then
  environment=demo
  echo "There is no TAP_OMDB_API_KEY in .env, so the emulator is asked, which has few titles and not OMDb's data."
fi
if [ "$environment" = demo ]; then
  export TAP_OMDB_API_URL="http://127.0.0.1:$(setting OMDB_EMULATOR_PORT)/"
fi

# No other source than the list (requests that are left go to titles found earlier), and what is known
# is not fetched again (TAP_OMDB_REFRESH={} refreshes what is due).
export TAP_OMDB_TITLES_FILE TAP_OMDB_YEARS=[] TAP_OMDB_SEARCH_TERMS=[] TAP_OMDB_IMDB_IDS=[] TAP_OMDB_TITLES=[]
export TAP_OMDB_TYPES=movie TAP_OMDB_RATINGS_FILE='' TAP_OMDB_MIN_VOTES=''
never='{"this_year": "never", "recent": "never", "older": "never"}'
export TAP_OMDB_REFRESH="${TAP_OMDB_REFRESH:-$never}"
.venv/bin/meltano --environment="$environment" run tap-omdb target-postgres dbt:run
.venv/bin/meltano --environment="$environment" --log-level=warning invoke exports:enrich "$@"
