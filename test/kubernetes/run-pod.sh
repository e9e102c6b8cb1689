#!/bin/sh
# Starts the service as a container runtime would, inside a mount namespace of its own (unshare --mount): a read-only
# root with the system's programs and nothing else of the machine, the built service at /app, volumes, the pod's user,
# no capability.
#   run-pod.sh ROOT APP NODE USER GROUP [FOLDER PATH ro|rw ...]    the environment is the pod's
set -eu
root=$1 app=$2 node=$3 user=$4 group=$5
shift 5
mount -t tmpfs -o mode=755 tmpfs "$root"

# A folder of the machine at a path of the pod, read-only.
bind() { mkdir -p "$root$2" && mount --bind "$1" "$root$2" && mount -o "remount,bind,$3" "$root$2"; }

for folder in /bin /lib /lib64 /sbin; do
  # Links into /usr on most systems.
  if [ -L "$folder" ]; then cp -P "$folder" "$root$folder"; elif [ -d "$folder" ]; then bind "$folder" "$folder" ro; fi
done
bind /usr /usr ro
bind /dev /dev rw
bind /proc /proc rw
mkdir -p "$root/sys" && mount --rbind /sys "$root/sys"
bind "$app" /app ro
: > "$root/node"
mount --bind "$node" "$root/node"
while [ $# -ge 2 ]; do
  bind "$1" "$2" "$3"
  shift 3
done
mount -o remount,ro "$root"
# The command of the Dockerfile, but for --disable-sigusr1, which Node.js 20 lacks.
exec chroot "$root" setpriv --reuid="$user" --regid="$group" --groups="$group" --no-new-privs --bounding-set=-all \
  env --chdir=/app /node dist/src/server.js
