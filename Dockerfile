# syntax=docker/dockerfile:1
# Four images from one build, each with one static program and nothing else:
#
#   docker build --target api        -t tenure/api .
#   docker build --target projector  -t tenure/projector .
#   docker build --target worker     -t tenure/worker .
#   docker build --target migrations -t tenure/migrations .
#
# Each runs as nobody in particular, takes its settings from the environment
# (`docker run --rm tenure/migrations config` lists them) and ends on SIGTERM.
# With `docker buildx build --platform linux/amd64,linux/arm64` the compiler runs
# on the machine that builds and writes for the others.

FROM --platform=$BUILDPLATFORM golang:1.26.8-bookworm AS build
WORKDIR /src
ENV GOMODCACHE=/cache/mod GOCACHE=/cache/build
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/cache/mod go mod download
COPY migrations migrations
COPY internal internal
COPY cmd cmd
ARG TARGETOS
ARG TARGETARCH
RUN --mount=type=cache,target=/cache/mod --mount=type=cache,target=/cache/build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false -ldflags="-s -w" -o /out/ ./cmd/api ./cmd/projector ./cmd/worker ./cmd/tenure

# Certificates, time zones and a user without rights; no shell.
FROM gcr.io/distroless/static-debian12:nonroot AS base
ARG VERSION=""
ENV TENURE_SERVICE_VERSION=$VERSION \
    TENURE_ENVIRONMENT=production \
    TENURE_METRICS_ADDR=:9090
WORKDIR /
EXPOSE 9090

FROM base AS api
ENV TENURE_HTTP_ADDR=:8080
EXPOSE 8080
COPY --from=build /out/api /api
ENTRYPOINT ["/api"]

FROM base AS projector
COPY --from=build /out/projector /projector
ENTRYPOINT ["/projector"]
CMD ["run"]

FROM base AS worker
COPY --from=build /out/worker /worker
ENTRYPOINT ["/worker"]

# Not only migrations: it is the operators' program, and brings the database up
# to date unless it is told something else.
FROM base AS migrations
COPY --from=build /out/tenure /tenure
ENTRYPOINT ["/tenure"]
CMD ["migrate", "up"]
