# Three stages: build with all packages, keep the ones production needs for this platform, run as non-root.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY src src
COPY explore explore
# The service alone: tests, benchmarks and scripts stay behind.
RUN npm run build:wasm && npx tsc --outDir dist/src --rootDir src && npm run build:explore

FROM node:24-bookworm-slim AS production-packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# onnxruntime-node carries every platform, about 290 MB; one is enough.
RUN npm ci --omit=dev \
 && platform="$(node -p 'process.platform + "/" + process.arch')" \
 && cd node_modules/onnxruntime-node/bin/napi-v6 \
 && find . -mindepth 2 -maxdepth 2 -type d ! -path "./$platform" -exec rm -r {} +

FROM node:24-bookworm-slim
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
