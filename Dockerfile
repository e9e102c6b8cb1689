# Stages: all packages; the built service; the packages that production needs, for the target alone; the root file
# system; the image. Only the first one asks the package registry, and for CUDA one more asks Debian and PyPI. Every command
# runs on the machine that builds, whatever the image is for, so that nothing is emulated: the stages of the target are only
# copied from.
# docs/image-and-kubernetes.md says how to build it, also without an image registry.

# Pin a release by digest: --build-arg NODE_IMAGE=docker.io/library/node@sha256:..., and so CUDA_IMAGE.
ARG NODE_IMAGE=node:24-bookworm-slim
# Of the CUDA that the provider is built for: scripts/cuda-provider.txt.
ARG CUDA_IMAGE=nvidia/cuda:13.0.2-cudnn-runtime-ubuntu24.04

# The target's own. It comes first, because buildah 1.28 (Debian 12) takes the platform of a stage for later ones:
# https://github.com/podman-container-tools/buildah/issues/4742
FROM ${NODE_IMAGE} AS base

FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY clients/typescript/package.json clients/typescript/
# A registry that wants credentials: --secret id=npmrc,src=$HOME/.npmrc; they stay out of the image.
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci

FROM packages AS build
COPY tsconfig.json ./
COPY src src
COPY explore explore
# The page at /explore uses the client.
COPY clients/typescript clients/typescript
COPY scripts/build-clients.mjs scripts/
# The service alone: tests, benchmarks and other scripts stay behind.
RUN npm run build:wasm && npm run build:clients && npm run build:service -- --outDir dist/src --rootDir src && npm run build:explore

FROM packages AS production-packages
# amd64 or arm64, as BuildKit and buildah set it for the target; Node.js and onnxruntime-node call the first one x64.
ARG TARGETARCH
# onnxruntime-node carries every platform, about 290 MB; one is enough. No other package has native files.
# The bill of materials lists what is then installed. `npm sbom` fails if package.json still names missing packages:
# https://github.com/npm/cli/blob/v10.9.0/lib/commands/sbom.js#L57-L62
RUN npm prune --omit=dev --offline \
 && npm pkg delete devDependencies \
 && npm sbom --sbom-format=cyclonedx > sbom.cdx.json \
 && cd node_modules/onnxruntime-node/bin/napi-v6 \
 && platform="linux/$(echo "${TARGETARCH:-$(node -p process.arch)}" | sed 's/^amd64$/x64/')" \
 && test -f "$platform/onnxruntime_binding.node" \
 && find . -mindepth 2 -maxdepth 2 -type d ! -path "./$platform" -exec rm -r {} + \
 && find . -mindepth 1 -maxdepth 1 -type d -empty -delete \
 # Of Swagger UI, 12 MB, the pages need a bundle and a style sheet.
 && find /app/node_modules/swagger-ui-dist \( -name '*.map' -o -name '*es-bundle*' -o -name 'log.*' -o -name 'swagger-ui-standalone*' -o -name swagger-ui.js \) -delete \
 # Of OpenTelemetry, 28 MB, what Node.js loads: neither the builds for bundlers, nor types, nor source maps.
 && find /app/node_modules/@opentelemetry -type d \( -name esm -o -name esnext \) -prune -exec rm -r {} + \
 && find /app/node_modules/@opentelemetry \( -name '*.map' -o -name '*.d.ts' \) -delete

FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS root
COPY --from=base / /image
# The service runs node and nothing else; package managers would only serve an intruder, and scanners would report them.
RUN cd /image && rm -rf usr/local/lib/node_modules usr/local/include/node usr/local/bin/docker-entrypoint.sh opt/yarn-* \
 && find usr/local/bin -type l \( -name 'np[mx]' -o -name 'yarn*' -o -name corepack -o -name nodejs \) -delete

FROM scratch AS service
ARG NODE_IMAGE
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="gumbel-sampler" \
      org.opencontainers.image.description="Draws Gumbel-softmax samples over HTTP, replayable by seed" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${NODE_IMAGE}"
COPY --from=root /image /
WORKDIR /app
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin NODE_ENV=production DRAIN_DELAY_MS=5000
COPY --from=production-packages /app/node_modules node_modules
COPY --from=production-packages /app/sbom.cdx.json ./
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
# The user "node" of the base image, by number: Kubernetes cannot see that a name is not root.
USER 1000:1000
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=2s --start-period=5s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8080}/livez`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node.js would open its inspector at SIGUSR1 in the moment before the service has a listener (Node.js 22.14 and later:
# https://github.com/nodejs/node/pull/56441).
CMD ["node", "--disable-sigusr1", "dist/src/server.js"]

# docker build --target cuda: the same service with ONNX Runtime's CUDA provider, for hosts with an NVIDIA GPU
# (docs/providers.md).
FROM production-packages AS cuda-packages
COPY scripts/cuda-provider.txt ./
# pip refuses a wheel with another sum. An index that wants credentials: --secret id=pip,src=$HOME/.config/pip/pip.conf.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf apt-get update \
 && apt-get install --yes --no-install-recommends python3-pip \
 && python3 -m pip download --require-hashes --only-binary=:all: --no-deps --python-version=3.12 --implementation=cp \
      --platform=manylinux_2_28_x86_64 --dest=/tmp/provider --requirement=cuda-provider.txt \
 && python3 -m zipfile -e /tmp/provider/*.whl /tmp/provider \
 && cd /tmp/provider/onnxruntime/capi \
 && mv libonnxruntime_providers_cuda.so libonnxruntime_providers_shared.so /app/node_modules/onnxruntime-node/bin/napi-v6/linux/x64/

FROM ${CUDA_IMAGE} AS cuda
ARG CUDA_IMAGE
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="gumbel-sampler" \
      org.opencontainers.image.description="Draws Gumbel-softmax samples over HTTP, replayable by seed; with CUDA" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${CUDA_IMAGE}"
WORKDIR /app
# Kernels that CUDA compiles for a GPU newer than its libraries. Mount something writable there, as overlays/cuda does, or
# each start compiles them again.
ENV NODE_ENV=production DRAIN_DELAY_MS=5000 EXECUTION_PROVIDER=cuda CUDA_CACHE_PATH=/var/cache/cuda
COPY --from=service /usr/local/bin/node /usr/local/bin/node
COPY --from=service /app /app
COPY --from=cuda-packages /app/node_modules node_modules
USER 1000:1000
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=2s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8080}/livez`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--disable-sigusr1", "dist/src/server.js"]

# What is built when no target is named.
FROM service
