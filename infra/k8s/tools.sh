#!/bin/sh
# Installs the tools of the static checks into ~/.cache/freshet/tools with Go, which must be installed: helm, kubeconform,
# kube-score, promtool, and strict schemas of Kubernetes 1.33 to 1.36. The tests use them if they are there or in the PATH, and otherwise
# say that they were skipped. Takes some minutes once.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tools=${XDG_CACHE_HOME:-$HOME/.cache}/freshet/tools
mkdir -p "$tools"
export GOBIN="$tools" CGO_ENABLED=0 GOFLAGS=-trimpath
for module in github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0 github.com/zegl/kube-score/cmd/kube-score@v1.20.0 \
  helm.sh/helm/v3/cmd/helm@v3.22.0; do
  name=$(basename "${module%@*}")
  [ -x "$tools/$name" ] || go install -ldflags '-s -w' "$module"
done
# Its module has replacements, with which `go install` refuses it.
[ -x "$tools/promtool" ] || {
  work=$(mktemp -d)
  (cd "$work" && go mod init promtool && go get github.com/prometheus/prometheus/cmd/promtool@v0.313.0 &&
    go build -mod=mod -ldflags '-s -w' -o "$tools/promtool" github.com/prometheus/prometheus/cmd/promtool)
  rm -rf "$work"
}
# The Go module of Kubernetes contains the description of its API.
for version in 1.33.0 1.34.0 1.35.0 1.36.0; do
  [ -d "$tools/schemas/$version" ] || {
    folder=$(cd "$tools" && go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
    node "$here/schemas.mjs" "$folder/api/openapi-spec/swagger.json" "$tools/schemas/$version"
  }
done
