#!/usr/bin/env bash
# Builds from Go modules what npm run test:kubernetes runs: etcd, the control plane of Kubernetes and kubectl, and takes the custom
# resource definitions that the manifests use from there. Prints the folder of all of it. Needs Go 1.21 or later, and the Go module
# proxy unless all is there already.
#   KUBERNETES_CACHE   where the folder is kept (~/.cache/gumbel-sampler)
# Exit codes: 0, or 75 (EX_TEMPFAIL of sysexits.h) with a line that says what is missing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

# Module, version, its checksum as in go.sum, and the files in it.
definitions=(
  'github.com/kserve/kserve v0.17.0 h1:IaynaBFzVQz1Xyrw5n3ncqzd5Y7L1RkO+YWvVwwtMQE=
    config/crd/full/serving.kserve.io_servingruntimes.yaml config/crd/full/serving.kserve.io_inferenceservices.yaml'
  'github.com/prometheus-operator/prometheus-operator v0.85.0 h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=
    example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml
    example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml'
  'sigs.k8s.io/gateway-api v1.6.3 h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=
    config/crd/standard/gateway.networking.k8s.io_httproutes.yaml'
)

not_run() { echo "$*" >&2; exit 75; }

command -v go > /dev/null || not_run 'Go is not installed: https://go.dev/dl, 1.21 or later'
# From 1.21 on it fetches the version that a go.mod asks for.
[[ $(go env GOVERSION) =~ ^go1\.(2[1-9]|[3-9][0-9]) ]] || not_run "$(go version) is too old: https://go.dev/dl, 1.21 or later"

# The folder of a module, downloaded and compared with its checksum.
folder_of() {
  local module=$1 version=$2 sum=$3 told folder
  told=$(cd / && go mod download -json "$module@$version") ||
    not_run "the Go module $module $version cannot be downloaded: $(sed -n 's/^\t"Error": "\(.*\)",*$/\1/p' <<< "$told")"
  grep -qF "\"Sum\": \"$sum\"" <<< "$told" || not_run "the Go module $module $version is not the one that $0 names: $told"
  sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' <<< "$told"
}

# Builds a package of the module in the current folder, unless it is there; renamed at the end, so that half of it is never used.
build() {
  local name=$1 package=$2
  shift 2
  [ -x "$bin/$name" ] && return
  echo "$name" >&2
  CGO_ENABLED=0 go build -buildvcs=false -trimpath -o "$bin/$name.part" "$@" "$package" >&2 ||
    not_run "$name cannot be built: Go says why above. The first build downloads modules"
  mv "$bin/$name.part" "$bin/$name"
}

kubernetes=$(sed -n 's#^\tk8s.io/kubernetes v##p' "$here/control-plane/go.mod")
bin=${KUBERNETES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/gumbel-sampler}/kubernetes-$kubernetes
mkdir -p "$bin/crds"

for line in "${definitions[@]}"; do
  read -r -d '' module version sum files <<< "$line" || true
  folder=$(folder_of "$module" "$version" "$sum")
  for file in $files; do cp --no-preserve=mode "$folder/$file" "$bin/crds"; done
done

cd "$here/control-plane"
minor=${kubernetes#1.} minor=${minor%.*}
# Without its version the server would not know which APIs its release has.
named=k8s.io/component-base/version
flags="-s -w -X $named.gitVersion=v$kubernetes -X $named.gitMajor=1 -X $named.gitMinor=$minor"
build etcd go.etcd.io/etcd/server/v3 -ldflags '-s -w'
for name in kube-apiserver kube-controller-manager kube-scheduler kubectl; do
  build "$name" "k8s.io/kubernetes/cmd/$name" -ldflags "$flags"
done

echo "$bin"
