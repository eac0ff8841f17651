#!/bin/sh
# Writes docker/.env (or the file given) from env.example, with a password drawn for each that is empty.
# It is readable by its owner only, and one that is there is left alone.
set -eu

folder=$(cd "$(dirname "$0")" && pwd)
target=${1:-$folder/.env}
if [ -e "$target" ]; then
  echo "$target is there already; remove it to draw new passwords" >&2
  exit 78
fi

umask 077
new=$(mktemp "$target.XXXXXX")
trap 'rm -f "$new"' EXIT
while IFS= read -r line || [ -n "$line" ]; do
  case $line in
    *_PASSWORD=) line=$line$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n') ;;
  esac
  printf '%s\n' "$line"
done <"$folder/env.example" >"$new"
ln "$new" "$target"
echo "$target written"
