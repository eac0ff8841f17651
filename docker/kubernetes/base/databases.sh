#!/bin/sh
# Makes the two databases, each with an owner that can't open the other one. The postgres image runs it once,
# when its data folder is empty (docker-entrypoint-initdb.d), in compose.yaml and on Kubernetes alike.
# AIRFLOW_PASSWORD_FILE and METADATA_PASSWORD_FILE name files with the owners' passwords.
set -eu

make_database() { # NAME PASSWORD_FILE
  if [ ! -s "$2" ]; then
    echo "no password for the database $1: $2 is missing or empty" >&2
    exit 1
  fi
  # \getenv: psql quotes the password itself, and no command line shows it.
  PASSWORD=$(cat "$2") psql --no-psqlrc -v ON_ERROR_STOP=1 -v name="$1" \
    --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv password PASSWORD
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}

make_database airflow "$AIRFLOW_PASSWORD_FILE"
make_database metadata "$METADATA_PASSWORD_FILE"
