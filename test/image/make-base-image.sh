#!/usr/bin/env bash
# Makes a stand-in for node:24-bookworm-slim where no image registry can be reached: Debian's packages by mmdebstrap, node and npm
# from the npm registry, the same user and paths as the original, documentation left out as there. Arguments: the name to tag it with,
# and amd64 or arm64. For another processor than this machine's the packages are unpacked and not configured, as nothing could run them.
set -euo pipefail
name=${1:?usage: make-base-image.sh NAME ARCHITECTURE}
architecture=${2:?usage: make-base-image.sh NAME ARCHITECTURE}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

npm install --no-audit --no-fund --ignore-scripts --no-save --force --loglevel=error --prefix "$folder" \
  "node-linux-${architecture/amd64/x64}@24" npm@11
packages="$folder/node_modules"

# libstdc++6 is what node and ONNX Runtime link to, and libatomic1 what node for arm64 does.
if [ "$architecture" = "$(dpkg --print-architecture)" ]; then
  hook=--customize-hook
  system=(--variant=minbase --include=libstdc++6,libatomic1
    --customize-hook='chroot "$1" useradd --create-home --uid 1000 --user-group --shell /bin/bash node')
else
  # Without a configuration of packages there is no hook after it.
  hook=--extract-hook
  system=(--variant=extract --architectures="$architecture" --include=base-files,bash,coreutils,dash,libc-bin,libstdc++6,libatomic1
    --setup-hook='mkdir -p "$1/usr/bin" "$1/usr/lib" "$1/usr/sbin" && for name in bin lib sbin; do ln -s "usr/$name" "$1/$name"; done'
    "$hook"='mkdir -p "$1/home/node" && chown 1000:1000 "$1/home/node" && mkdir -p "$1/etc"'
    "$hook"='printf "%s\n" root:x:0:0:root:/root:/bin/bash node:x:1000:1000::/home/node:/bin/bash > "$1/etc/passwd"'
    "$hook"='printf "%s\n" root:x:0: node:x:1000: > "$1/etc/group"')
fi

# Documentation stays out, as in the slim images.
mmdebstrap --quiet "${system[@]}" \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
  "$hook"='mkdir -p "$1/usr/local/bin" "$1/usr/local/lib/node_modules"' \
  "$hook"="cp '$packages'/node-linux-*/bin/node \"\$1/usr/local/bin/node\"" \
  "$hook"="cp -r '$packages/npm' \"\$1/usr/local/lib/node_modules/npm\"" \
  "$hook"='ln -s ../lib/node_modules/npm/bin/npm-cli.js "$1/usr/local/bin/npm"' \
  "$hook"='ln -s ../lib/node_modules/npm/bin/npx-cli.js "$1/usr/local/bin/npx"' \
  bookworm "$folder/rootfs.tar"

podman import --quiet --arch "$architecture" --change 'CMD ["node"]' "$folder/rootfs.tar" "$name"
