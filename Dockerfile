# One image for every command: docker run … choria-bridge bridge|worker|dispatch --config /etc/choria-bridge/bridge.yaml
# docs/deploy.md says how it is run. test/deploy/edge/image.test.ts carries these lines out in a folder, without Docker.

FROM node:22.23.3-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# Without scripts: the only one that is needed is the build, below, once its sources are there.
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY scripts/build.mjs scripts/
COPY functions functions/
COPY shared shared/
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:22.23.3-bookworm-slim
ENV NODE_ENV=production
# In /node_modules, so that handlers find "choria-bridge/handler" and "zod" from whatever folder they are mounted into.
COPY --from=build /build/node_modules /node_modules/
COPY package.json LICENSE /node_modules/choria-bridge/
COPY bin /node_modules/choria-bridge/bin/
COPY --from=build /build/dist /node_modules/choria-bridge/dist/
# By number: Kubernetes' runAsNonRoot cannot tell who a name is. It is the base image's user "node".
USER 1000:1000
WORKDIR /etc/choria-bridge
# The ports that bridge, worker and dispatcher serve their health on; a container runs one of them. With another port in
# the configuration give --health-cmd. In Kubernetes the probes of docs/deploy/kubernetes.yaml take this one's place.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["node", "--eval", "Promise.any([9222, 9223, 9224].map(async (port) => { const { ok } = await fetch(`http://127.0.0.1:${port}/healthz`); if (!ok) throw new Error(`port ${port} is not well`); })).catch((error) => { console.error(String(error.errors)); process.exit(1); })"]
ENTRYPOINT ["node", "/node_modules/choria-bridge/bin/choria-bridge.js"]
CMD ["--help"]
