# syntax=docker/dockerfile:1

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
RUN make build VERSION="$VERSION"
# The folder is made here because an image without a shell cannot make it; a new volume takes over its owner.
RUN install -d -m 0700 /empty

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /src/bin/lianqi /lianqi
COPY --from=build --chown=65532:65532 --chmod=0700 /empty /data
# Nothing is written outside the volume, so that the root can be read-only: uploads pass through it too.
ENV LIANQI_LISTEN=0.0.0.0:8080 LIANQI_DATA_DIR=/data TMPDIR=/data
USER 65532:65532
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["/lianqi", "health"]
ENTRYPOINT ["/lianqi"]
CMD ["serve"]
