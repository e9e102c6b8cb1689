#!/usr/bin/env bash
# Makes a stand-in for node:24-bookworm-slim where no image registry can be reached: Debian's packages by mmdebstrap, node and npm
# from the npm registry, the same user and paths as the original, documentation left out as there. Argument: the name to tag it with.
set -euo pipefail
name=${1:?usage: make-base-image.sh NAME}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

npm install --no-audit --no-fund --ignore-scripts --no-save --prefix "$folder" "node-linux-$(node -p process.arch)@24" npm@11
packages="$folder/node_modules"

# libstdc++6 is what node and ONNX Runtime link to. Documentation stays out, as in the slim images.
mmdebstrap --quiet --variant=minbase --include=libstdc++6 \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
  --customize-hook='chroot "$1" useradd --create-home --uid 1000 --user-group --shell /bin/bash node' \
  --customize-hook='mkdir -p "$1/usr/local/lib/node_modules"' \
  --customize-hook="cp '$packages'/node-linux-*/bin/node \"\$1/usr/local/bin/node\"" \
  --customize-hook="cp -r '$packages/npm' \"\$1/usr/local/lib/node_modules/npm\"" \
  --customize-hook='ln -s ../lib/node_modules/npm/bin/npm-cli.js "$1/usr/local/bin/npm"' \
  --customize-hook='ln -s ../lib/node_modules/npm/bin/npx-cli.js "$1/usr/local/bin/npx"' \
  bookworm "$folder/rootfs.tar"

podman import --quiet --change 'CMD ["node"]' "$folder/rootfs.tar" "$name"
