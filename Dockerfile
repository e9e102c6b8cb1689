# Three stages: build with all packages, keep the ones production needs for this platform, run as non-root.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY src src
# The service alone: tests, benchmarks and scripts stay behind.
RUN npm run build:wasm && npx tsc --outDir dist/src --rootDir src

FROM node:24-bookworm-slim AS production-packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# onnxruntime-node carries every platform, about 290 MB; one is enough.
RUN npm ci --omit=dev \
 && platform="$(node -p 'process.platform + "/" + process.arch')" \
 && cd node_modules/onnxruntime-node/bin/napi-v6 \
 && find . -mindepth 2 -maxdepth 2 -type d ! -path "./$platform" -exec rm -r {} +

FROM node:24-bookworm-slim AS service
LABEL org.opencontainers.image.title="gumbel-sampler" \
      org.opencontainers.image.description="Draws Gumbel-softmax samples over HTTP" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
ENV NODE_ENV=production DRAIN_DELAY_MS=5000
COPY --from=production-packages /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
USER node
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=2s --start-period=5s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8080}/livez`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/src/server.js"]

# docker build --target cuda: the same service with ONNX Runtime's CUDA provider, for hosts with an NVIDIA GPU (docs/providers.md).
FROM production-packages AS cuda-packages
ARG CUDA_SHA256SUMS=""
RUN node node_modules/onnxruntime-node/script/install.js --onnxruntime-node-install=cuda12 \
 && cd node_modules/onnxruntime-node/bin/napi-v6/linux/x64 \
 && sha256sum libonnxruntime_providers_*.so \
 && if [ -n "$CUDA_SHA256SUMS" ]; then echo "$CUDA_SHA256SUMS" | sha256sum --check --strict; fi

FROM nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04 AS cuda
WORKDIR /app
ENV NODE_ENV=production DRAIN_DELAY_MS=5000 EXECUTION_PROVIDER=cuda
COPY --from=node:24-bookworm-slim /usr/local/bin/node /usr/local/bin/node
COPY --from=service /app /app
COPY --from=cuda-packages /app/node_modules node_modules
USER 1000
EXPOSE 8080
CMD ["node", "dist/src/server.js"]

# What is built when no target is named.
FROM service
