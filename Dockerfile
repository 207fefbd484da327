# syntax=docker/dockerfile:1
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src

# First the dependencies alone, from the manifests and empty sources: this layer lasts until a manifest changes.
# build.rs and proto/ are left out of it, so that a change of the API does not build the world again.
COPY Cargo.toml Cargo.lock ./
COPY migrations/Cargo.toml migrations/
RUN mkdir -p src migrations/src \
 && touch src/lib.rs migrations/src/lib.rs \
 && echo 'fn main() {}' >src/main.rs \
 && cp src/main.rs build.rs \
 && cargo build --release --locked

# Copied files are older than what the empty sources became, so cargo must be told to forget ours.
COPY . .
RUN cargo clean --release --locked -p tidepool -p tidepool-migrations \
 && cargo build --release --locked --bin tidepool \
 && mkdir /empty

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/tidepool /usr/local/bin/tidepool
# The one place to write to, for a SQLite file; mount a volume here to keep it.
COPY --from=build --chown=10001:10001 /empty /var/lib/tidepool
WORKDIR /var/lib/tidepool
USER 10001:10001
# Kubernetes has probes of its own and does not look at this.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/usr/local/bin/tidepool", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/tidepool"]
CMD ["serve"]
