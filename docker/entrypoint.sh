#!/bin/sh
# Runs a command with the secrets that it needs: a variable NAME gets the content of the file that NAME_FILE
# names, so that neither the image nor `docker inspect` shows it. Exit code 78: such a file can't be read.
set -eu

for name in AIRFLOW__DATABASE__SQL_ALCHEMY_CONN UPCYCLE_METADATA_URL; do
  eval "file=\${${name}_FILE:-}"
  if [ -n "$file" ]; then
    if [ ! -s "$file" ] || [ ! -r "$file" ]; then
      printf '%s\n' "the secret can't be read, or is empty" "  where: ${name}_FILE=$file" \
        "  fix:   give the container a secret there, or leave ${name}_FILE out" >&2
      exit 78
    fi
    value=$(cat "$file")
    export "$name=$value"
    unset "${name}_FILE"
  fi
done

exec "$@"
