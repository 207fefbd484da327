{{- define "tidepool.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "tidepool.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tidepool.labels" -}}
{{ include "tidepool.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "tidepool.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* What cannot work, or what nobody should do without knowing, is refused before anything is installed. */}}
{{- define "tidepool.check" -}}
{{- if not .Values.insecureListen }}
{{- fail "\n\ninsecureListen: Tidepool has no authentication yet. In a cluster it has to listen on an address that others can reach, and WHOEVER REACHES IT CAN ACT AS ANYBODY IN ANY TENANT. If a NetworkPolicy that your cluster enforces is protection enough, set insecureListen=true." }}
{{- end }}
{{- if eq .Values.database.engine "sqlite" }}
{{- if gt (int .Values.replicas) 1 }}
{{- fail (printf "\n\nreplicas: a SQLite file has one server, and %d were asked for. Use MySQL or MariaDB (database.engine=mysql) for more than one." (int .Values.replicas)) }}
{{- end }}
{{- else if not .Values.database.existingSecret }}
{{- fail "\n\ndatabase.existingSecret: name the secret that holds the database URL (under the key database.secretKey)." }}
{{- end }}
{{- if gt (add (int .Values.server.drainDelaySeconds) (int .Values.server.drainSeconds)) 30 }}
{{- fail "\n\nserver.drainDelaySeconds + server.drainSeconds: must be at most 30, so that the process ends by itself before Kubernetes kills it." }}
{{- end }}
{{- end }}

{{- define "tidepool.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "tidepool.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* The one thing that is no configuration file's business: a secret, as a file and not in the environment. */}}
{{- define "tidepool.databaseUrl" -}}
{{- if eq .Values.database.engine "sqlite" }}
- name: TIDEPOOL__DATABASE__URL
  value: sqlite:/var/lib/tidepool/tidepool.sqlite
{{- else }}
- name: TIDEPOOL__DATABASE__URL_FILE
  value: /etc/tidepool-database/url
{{- end }}
{{- end }}

{{- define "tidepool.databaseMount" -}}
- name: database
  mountPath: /etc/tidepool-database
  readOnly: true
{{- end }}

{{/* Called with the name of the secret. */}}
{{- define "tidepool.databaseVolume" -}}
- name: database
  secret:
    secretName: {{ .secret }}
    defaultMode: 0440
    items:
      - key: {{ .root.Values.database.secretKey }}
        path: url
{{- end }}

{{- define "tidepool.toml" -}}
# Written by the chart. The database URL comes from a secret.
[server]
insecure_listen = "0.0.0.0:{{ .Values.server.port }}"
max_concurrent_calls = {{ int64 .Values.server.maxConcurrentCalls }}
max_request_bytes = {{ int64 .Values.server.maxRequestBytes }}
reflection = {{ .Values.server.reflection }}
drain_delay_seconds = {{ int .Values.server.drainDelaySeconds }}
drain_seconds = {{ int .Values.server.drainSeconds }}

[database]
max_connections = {{ int .Values.database.maxConnections }}
insecure = {{ .Values.database.insecure }}

[sweep]
enabled = {{ .Values.sweep.enabled }}
interval_seconds = {{ int .Values.sweep.intervalSeconds }}
grace_seconds = {{ int .Values.sweep.graceSeconds }}

[events]
enabled = {{ .Values.events.enabled }}
relay_interval_ms = {{ int .Values.events.relayIntervalMs }}
keep_days = {{ int .Values.events.keepDays }}
send_timeout_seconds = {{ int .Values.events.sendTimeoutSeconds }}

[webhooks]
enabled = {{ .Values.webhooks.enabled }}
allowed_hosts = {{ .Values.webhooks.allowedHosts | toJson }}
allow_private = {{ .Values.webhooks.allowPrivate }}
attempts = {{ int .Values.webhooks.attempts }}
disable_after_hours = {{ int .Values.webhooks.disableAfterHours }}
keep_days = {{ int .Values.webhooks.keepDays }}

[log]
format = "json"
filter = {{ .Values.log.filter | toJson }}

[telemetry]
{{- with .Values.telemetry.otlpEndpoint }}
otlp_endpoint = {{ . | toJson }}
{{- end }}
{{- if .Values.telemetry.otlpCaConfigMap }}
otlp_ca_file = "/etc/tidepool-otlp/ca.crt"
{{- end }}
service_name = {{ .Values.telemetry.serviceName | toJson }}
sample_ratio = {{ printf "%.6f" (float64 .Values.telemetry.sampleRatio) }}
metrics_interval_seconds = {{ int .Values.telemetry.metricsIntervalSeconds }}
{{- end }}
