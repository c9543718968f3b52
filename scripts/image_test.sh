#!/usr/bin/env bash
# Build the image of each target without Docker, and run the pipeline in it: `make image-test`, before
# a release. As root, with Debian's packages buildah and debootstrap; needs the network, 6 GB and
# some minutes. The base is a Debian with its Python in place of python:3.13-slim.
set -euo pipefail
cd "$(dirname "$0")/.."
for program in buildah debootstrap; do
  command -v "$program" > /dev/null || { echo "Install Debian's package $program" >&2; exit 1; }
done
work=$(mktemp -d)
postgres=.meltano/utilities/postgres/venv/bin/embedded-postgres
emulator=.meltano/utilities/omdb-emulator/venv/bin/omdb-emulator
certificates=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
buildah() {
  command buildah --storage-driver=vfs --root="$work/storage" --runroot="$work/run" "$@"
}
clean() {
  "$emulator" stop --data-dir "$work/emulator" || true
  "$postgres" --data-dir "$work/postgres" destroy --yes || true
  rm -rf "$work"
}
trap clean EXIT

debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates \
  trixie "$work/base" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" > "$work/debootstrap.log" 2>&1
ln -s python3 "$work/base/usr/bin/python"
# A proxy of this machine may have a certificate of its own.
cp "$certificates" "$work/base/etc/ssl/certs/ca-certificates.crt"
base=$(buildah from scratch)
buildah copy --quiet "$base" "$work/base" / > /dev/null
buildah config --env SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
  --env PIP_CERT=/etc/ssl/certs/ca-certificates.crt "$base"
buildah commit --quiet --rm "$base" docker.io/library/python:3.13-slim > /dev/null
rm -rf "$work/base"

export EMBEDDED_POSTGRES_PORT=25432 OMDB_EMULATOR_PORT=25500
"$postgres" --data-dir "$work/postgres" start --env-file "$work/env"
"$emulator" start --data-dir "$work/emulator" --env-file "$work/env"
. "$work/env" 2> /dev/null || true # the ports, if others were chosen
password=$(sed -n '1s/.*://p' "$work/postgres/pgpass")
for target in ${TARGETS:-pipeline airflow}; do
  buildah bud --quiet --format=docker --isolation=chroot --pull-never --layers=false \
    --target="$target" --tag="movies-$target" . > /dev/null 2> "$work/build.log" \
    || { tail -n 50 "$work/build.log" >&2; exit 1; }
  image=$(buildah from --pull-never "movies-$target")
  inside() {
    buildah run --isolation=chroot --user=10001 \
      --env=PGHOST=127.0.0.1 --env=PGPORT="$EMBEDDED_POSTGRES_PORT" --env=PGDATABASE=omdb \
      --env=PGUSER=omdb --env=PGPASSWORD="$password" \
      --env=MELTANO_DATABASE_URI=postgresql+psycopg://omdb@127.0.0.1/omdb \
      --env=TAP_OMDB_API_KEY=00001000 --env=TAP_OMDB_API_URL="http://127.0.0.1:$OMDB_EMULATOR_PORT/" \
      --env=TAP_OMDB_YEARS='[]' --env=TAP_OMDB_IMDB_IDS=tt0435761,tt1375666 \
      "$image" -- "$@"
  }
  if [ "$target" = pipeline ]; then
    inside .venv/bin/meltano schedule run daily
    inside .venv/bin/meltano --log-level=error invoke dbt:health
  else
    inside .airflow/venv/bin/airflow version
    inside .venv/bin/meltano run tap-omdb target-postgres dbt:run dashboard:build # as its tasks do
  fi
  buildah images "movies-$target"
done
