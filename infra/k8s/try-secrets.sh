#!/bin/sh
# Prints the Secrets of the overlay `try`, with new random passwords and keys, for `kubectl apply -f -`. Run it once: a second run
# would replace the keys that the database was created with. Needs openssl.
set -eu
database=${1:-shop}
random() { openssl rand -hex 24; }
line() { tr -d '\n'; }
secret() { # NAME KEY=VALUE...
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: { name: %s }\ndata:\n' "$1"
  shift
  for pair in "$@"; do printf '  %s: %s\n' "${pair%%=*}" "$(printf %s "${pair#*=}" | base64 | line)"; done
}
address() { # USER PASSWORD DATABASE [MORE]
  printf 'mongodb://%s:%s@mongodb-0.mongodb:27017/%s?replicaSet=freshet&authSource=%s%s' "$1" "$2" "$3" "${3:-local}" "${4:-}"
}
private=$(openssl genpkey -algorithm ed25519)
public=$(printf '%s\n' "$private" | openssl pkey -pubout)
# Members of a replica set share a key file, which is also the password of the user `__system`.
key=$(random)
secret mongodb "key-file=$key"
secret freshet-admin "mongodb-uri=$(address __system "$key" '' '&authMechanism=SCRAM-SHA-256')"
for role in reader writer; do
  secret freshet-$role "mongodb-uri=$(address freshet-$role "$(random)" "$database")" "token-public-keys=$public"
done
secret freshet-delivery "mongodb-uri=$(address freshet-delivery "$(random)" "$database")" "token-public-keys=$public" "ticket-secret=$(random)"
secret freshet-auditor "mongodb-uri=$(address freshet-auditor "$(random)" "$database")"
# No service mounts it.
secret freshet-token-key "token-key.pem=$private"
