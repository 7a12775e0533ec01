#!/usr/bin/env bash
# Makes the base image sagelet/base:bookworm for a machine that can pull no image: Debian with
# Python 3.11 from the package mirror, plus this host's CA bundle, so that pip and apt work in a
# build where the host's network has its own certificates. The framework images take it through
#     docker build --build-arg BASE_IMAGE=sagelet/base:bookworm ...
# Everywhere else their public default is the better base.
#
# IMAGE      the image's name                                (sagelet/base:bookworm)
# BASE_TREE  an existing debootstrap tree; it is only read   (made in a temporary directory)
# CA_BUNDLE  the certificates to bake in                     (/etc/ssl/certs/ca-certificates.crt)
# MIRROR     a Debian mirror                                 (debootstrap's own choice)
set -euo pipefail

image=${IMAGE:-sagelet/base:bookworm}
ca_bundle=${CA_BUNDLE:-/etc/ssl/certs/ca-certificates.crt}
in_image=etc/ssl/certs/ca-certificates.crt

fail() {
  echo "offline.sh: $*" >&2
  exit 1
}

command -v docker >/dev/null || fail "no docker command; on Debian .ci/docker-up installs one"
docker version >/dev/null 2>&1 || fail "no Docker engine answers; .ci/docker-up starts one"
if docker image inspect "$image" >/dev/null 2>&1; then
  echo "$image is there already"
  exit 0
fi
[ "$(id -u)" = 0 ] || fail "must run as root: debootstrap creates device files and owners"
[ -r "$ca_bundle" ] || fail "no CA bundle at $ca_bundle (set CA_BUNDLE)"

temporary=$(mktemp -d)
clean() {
  # An interrupted debootstrap may leave /proc mounted in its tree.
  umount -l "$temporary/tree/proc" 2>/dev/null || true
  rm -rf --one-file-system "$temporary"
}
trap clean EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

tree=${BASE_TREE:-$temporary/tree}
if [ -n "${BASE_TREE:-}" ]; then
  [ -x "$tree/usr/bin/python3" ] || fail "BASE_TREE=$tree has no usr/bin/python3"
  echo "using the tree at $tree"
else
  command -v debootstrap >/dev/null ||
    fail "debootstrap is missing: apt-get install --no-install-recommends debootstrap"
  echo "debootstrap: Debian bookworm with Python 3.11, one to three minutes ..."
  debootstrap --variant=minbase --include=python3-minimal,python3-venv,ca-certificates \
    bookworm "$tree" ${MIRROR:+"$MIRROR"} >"$temporary/log" 2>&1 || {
    tail -n 20 "$temporary/log" "$tree/debootstrap/debootstrap.log" >&2 2>/dev/null || true
    fail "debootstrap failed; its last lines are above"
  }
  echo "debootstrap: done in $SECONDS s"
fi

mkdir -p "$temporary/extra/$(dirname "$in_image")"
cp -L "$ca_bundle" "$temporary/extra/$in_image"

echo "importing ..."
# The host's bundle takes the place of the tree's; package caches, translations and manuals stay out.
id=$(
  tar -c --numeric-owner --one-file-system \
    -C "$temporary/extra" "./$in_image" \
    -C "$(realpath "$tree")" \
    --exclude="./$in_image" \
    --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' --exclude='./var/log/*' \
    --exclude='./usr/share/locale/*' --exclude='./usr/share/man/*' --exclude='./debootstrap' . |
    docker import \
      --change 'ENV LANG=C.UTF-8' \
      --change "ENV SSL_CERT_FILE=/$in_image PIP_CERT=/$in_image REQUESTS_CA_BUNDLE=/$in_image" \
      --change 'CMD ["bash"]' -
)
docker tag "$id" "$image"
bytes=$(docker image inspect --format '{{.Size}}' "$image")
echo "$image: $((bytes / 1000000)) MB in $SECONDS s"
