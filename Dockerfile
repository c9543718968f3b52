# The pipeline for prod, with everything installed from the lock files; docs/operations.md.
FROM python:3.13-slim AS build
# hadolint ignore=DL3008  # Debian keeps one version of make at a time
RUN apt-get update \
  && apt-get install --yes --no-install-recommends make \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/movies
COPY . .
RUN make install

FROM python:3.13-slim
RUN useradd --uid 10001 --create-home movies
# Virtual environments work only at the path where they were created.
COPY --from=build --chown=movies:movies /srv/movies /srv/movies
WORKDIR /srv/movies
USER 10001
ENV MELTANO_ENVIRONMENT=prod \
  MELTANO_AUTO_INSTALL=false \
  PYTHONUNBUFFERED=1
# Docker reserves the exit code 2.
HEALTHCHECK --interval=10m --timeout=90s --start-period=1h \
  CMD ["bash", "-c", ".venv/bin/meltano --log-level=error invoke dbt:health || exit 1"]
CMD ["scripts/daily.sh"]
