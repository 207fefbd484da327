CREATE TABLE "account" (
  "tenant" INTEGER NOT NULL,
  "id" BLOB NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 0,
  "status" INTEGER NOT NULL,
  "status_before_cancel" INTEGER,
  "owner" TEXT,
  "last_owner" TEXT,
  "owner_since" INTEGER,
  "pool_id" BLOB,
  "pool_entry_time" INTEGER,
  "pool_entry_cause" INTEGER,
  "last_end_reason" TEXT NOT NULL,
  "last_end_note" TEXT NOT NULL,
  "transfer_count" INTEGER NOT NULL DEFAULT 0,
  "deal_status" INTEGER NOT NULL,
  "won_count" INTEGER NOT NULL DEFAULT 0,
  "last_won_time" INTEGER NOT NULL DEFAULT 0,
  "last_follow_up_time" INTEGER NOT NULL DEFAULT 0,
  "anchor_time" INTEGER,
  "reclaim_time" INTEGER,
  "rule_id" BLOB,
  "notice_floor" INTEGER NOT NULL DEFAULT 0,
  "planned_revision" INTEGER NOT NULL DEFAULT 0,
  "kind" INTEGER NOT NULL,
  "name" TEXT NOT NULL,
  "name_key" TEXT NOT NULL,
  "unique_name" TEXT,
  "external_id" TEXT,
  "grade" TEXT NOT NULL,
  "industry" TEXT NOT NULL,
  "source" TEXT NOT NULL,
  "region" TEXT NOT NULL,
  "phone" TEXT NOT NULL,
  "email" TEXT NOT NULL,
  "website" TEXT NOT NULL,
  "address" TEXT NOT NULL,
  "latitude" REAL,
  "longitude" REAL,
  "remark" TEXT NOT NULL,
  "creator" TEXT,
  "create_time" INTEGER NOT NULL DEFAULT 0,
  "update_time" INTEGER NOT NULL DEFAULT 0,
  "wake_time" INTEGER,
  "contract_end_time" INTEGER NOT NULL DEFAULT 0,
  "locked_by" TEXT,
  "lock_time" INTEGER NOT NULL DEFAULT 0,
  "lock_expire_time" INTEGER NOT NULL DEFAULT 0,
  "embargo_time" INTEGER NOT NULL DEFAULT 0,
  "disputed_time" INTEGER NOT NULL DEFAULT 0,
  "tenure_clock" TEXT,
  "clock_memory" TEXT,
  "merged_into" BLOB, PRIMARY KEY ("tenant",
  "id"), CHECK (status BETWEEN 1 AND 7), CHECK ((status IN (1, 2, 4) AND owner IS NOT NULL) OR (status NOT IN (1, 2, 4) AND owner IS NULL)), CHECK (status = 4 OR reclaim_time IS NULL), CHECK ((owner IS NULL) = (owner_since IS NULL)) );

CREATE UNIQUE INDEX "account_external_id" ON "account" ("tenant",
  "external_id");

CREATE INDEX "account_owner" ON "account" ("tenant",
  "owner",
  "deal_status",
  "pool_id",
  "status");

CREATE INDEX "account_pool" ON "account" ("tenant",
  "pool_id",
  "status",
  "id");

CREATE INDEX "account_pool_name" ON "account" ("tenant",
  "pool_id",
  "status",
  "name_key",
  "id");

CREATE UNIQUE INDEX "account_unique_name" ON "account" ("tenant",
  "unique_name");

CREATE INDEX "account_wake_time" ON "account" ("wake_time",
  "tenant",
  "id");

CREATE TABLE "account_event" (
  "tenant" INTEGER NOT NULL,
  "account_id" BLOB NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 0,
  "event_time" INTEGER NOT NULL DEFAULT 0,
  "kind" TEXT NOT NULL,
  "caller" TEXT NOT NULL,
  "actor" TEXT,
  "effects" TEXT NOT NULL,
  "note" TEXT,
  "position" INTEGER,
  "pool_id" BLOB,
  "owner" TEXT,
  "traceparent" TEXT, PRIMARY KEY ("tenant",
  "account_id",
  "version") );

CREATE INDEX "account_event_position" ON "account_event" ("tenant",
  "position",
  "account_id",
  "version");

CREATE TABLE "account_field" (
  "tenant" INTEGER NOT NULL,
  "account_id" BLOB NOT NULL,
  "field_id" BLOB NOT NULL,
  "text_value" TEXT,
  "number_value" REAL,
  "time_value" INTEGER, PRIMARY KEY ("tenant",
  "account_id",
  "field_id") );

CREATE TABLE "account_tag" (
  "tenant" INTEGER NOT NULL,
  "account_id" BLOB NOT NULL,
  "tag" TEXT NOT NULL, PRIMARY KEY ("tenant",
  "account_id",
  "tag") );

CREATE INDEX "account_tag_tag" ON "account_tag" ("tenant",
  "tag",
  "account_id");

CREATE TABLE "account_team" (
  "tenant" INTEGER NOT NULL,
  "account_id" BLOB NOT NULL,
  "user_id" TEXT NOT NULL,
  "role" INTEGER NOT NULL,
  "access" INTEGER NOT NULL,
  "create_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant",
  "account_id",
  "user_id") );

CREATE INDEX "account_team_user" ON "account_team" ("tenant",
  "user_id",
  "account_id");

CREATE TABLE "activity" (
  "tenant" INTEGER NOT NULL,
  "source" TEXT NOT NULL,
  "event_id" TEXT NOT NULL,
  "payload_hash" BLOB NOT NULL,
  "account_id" BLOB NOT NULL,
  "kind" TEXT NOT NULL,
  "object_id" TEXT,
  "occur_time" INTEGER NOT NULL DEFAULT 0,
  "record_time" INTEGER NOT NULL DEFAULT 0,
  "actor" TEXT,
  "summary" TEXT NOT NULL,
  "contract_end_time" INTEGER,
  "amount" INTEGER,
  "currency" TEXT,
  "object_owner" TEXT,
  "visible_to" TEXT,
  "object_locked" BOOLEAN NOT NULL DEFAULT 0,
  "object_in_workflow" BOOLEAN NOT NULL DEFAULT 0,
  "standing" INTEGER,
  "traceparent" TEXT, PRIMARY KEY ("tenant",
  "source",
  "event_id") );

CREATE INDEX "activity_timeline" ON "activity" ("tenant",
  "account_id",
  "occur_time",
  "source",
  "event_id");

CREATE TABLE "activity_kind" (
  "tenant" INTEGER NOT NULL,
  "id" BLOB NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 0,
  "config" TEXT NOT NULL,
  "create_time" INTEGER NOT NULL DEFAULT 0,
  "update_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant",
  "id") );

CREATE TABLE "activity_rules" (
  "tenant" INTEGER NOT NULL,
  "id" BLOB NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 0,
  "config" TEXT NOT NULL,
  "create_time" INTEGER NOT NULL DEFAULT 0,
  "update_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant",
  "id") );

CREATE TABLE "activity_source" (
  "tenant" INTEGER NOT NULL,
  "id" BLOB NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 0,
  "config" TEXT NOT NULL,
  "create_time" INTEGER NOT NULL DEFAULT 0,
  "update_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant",
  "id") );

CREATE TABLE "business_object" (
  "tenant" INTEGER NOT NULL,
  "source" TEXT NOT NULL,
  "object_type" TEXT NOT NULL,
  "object_id" TEXT NOT NULL,
  "account_id" BLOB NOT NULL,
  "closed" BOOLEAN NOT NULL DEFAULT 0,
  "state_time" INTEGER NOT NULL DEFAULT 0,
  "state_event_id" TEXT NOT NULL,
  "end_time" INTEGER NOT NULL DEFAULT 0,
  "action" TEXT,
  "detail_time" INTEGER NOT NULL DEFAULT 0,
  "detail_event_id" TEXT,
  "amount" INTEGER,
  "currency" TEXT,
  "owner" TEXT,
  "owner_time" INTEGER NOT NULL DEFAULT 0,
  "locked" BOOLEAN NOT NULL DEFAULT 0,
  "in_workflow" BOOLEAN NOT NULL DEFAULT 0,
  "end_told_time" INTEGER NOT NULL DEFAULT 0,
  "end_told_event_id" TEXT, PRIMARY KEY ("tenant",
  "source",
  "object_type",
  "object_id") );

CREATE INDEX "business_object_account" ON "business_object" ("tenant",
  "account_id",
  "closed");

CREATE INDEX "business_object_related" ON "business_object" ("tenant",
  "account_id",
  "object_type",
  "detail_time",
  "source",
  "object_id");

CREATE TABLE "chosen_department" (
  "tenant" INTEGER NOT NULL,
  "id" BLOB NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 0,
  "config" TEXT NOT NULL,
  "create_time" INTEGER NOT NULL DEFAULT 0,
  "update_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant",
  "id") );

CREATE TABLE "config_event" (
  "tenant" INTEGER NOT NULL,
  "id" BLOB NOT NULL,
  "event_time" INTEGER NOT NULL DEFAULT 0,
  "caller" TEXT NOT NULL,
  "actor" TEXT,
  "resource_type" TEXT NOT NULL,
  "resource" TEXT NOT NULL,
  "action" TEXT NOT NULL,
  "changes" TEXT NOT NULL, PRIMARY KEY ("tenant",
  "id") );

CREATE INDEX "config_event_resource" ON "config_event" ("tenant",
  "resource_type",
  "resource",
  "id");

CREATE TABLE "custom_field" (
  "tenant" INTEGER NOT NULL,
  "id" BLOB NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 0,
  "config" TEXT NOT NULL,
  "create_time" INTEGER NOT NULL DEFAULT 0,
  "update_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant",
  "id") );

CREATE TABLE "directory_department" (
  "tenant" INTEGER NOT NULL,
  "id" TEXT NOT NULL,
  "display_name" TEXT NOT NULL,
  "parent" TEXT,
  "head" TEXT,
  "version" INTEGER NOT NULL DEFAULT 0,
  "update_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant",
  "id") );

CREATE TABLE "directory_group" (
  "tenant" INTEGER NOT NULL,
  "id" TEXT NOT NULL,
  "display_name" TEXT NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 0,
  "update_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant",
  "id") );

CREATE TABLE "directory_user" (
  "tenant" INTEGER NOT NULL,
  "id" TEXT NOT NULL,
  "display_name" TEXT NOT NULL,
  "active" BOOLEAN NOT NULL DEFAULT 0,
  "primary_department" TEXT,
  "supervisor" TEXT,
  "region" TEXT NOT NULL,
  "departments" TEXT NOT NULL,
  "member_groups" TEXT NOT NULL,
  "roles" TEXT NOT NULL,
  "skills" TEXT NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 0,
  "update_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant",
  "id") );

CREATE TABLE "disputed_reclaim" (
  "tenant" INTEGER NOT NULL,
  "pool_id" BLOB NOT NULL,
  "account_id" BLOB NOT NULL, PRIMARY KEY ("tenant",
  "pool_id",
  "account_id") );

CREATE TABLE "event_export" (
  "tenant" INTEGER NOT NULL,
  "destination" TEXT NOT NULL,
  "position" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant",
  "destination") );

CREATE TABLE "event_stream" (
  "tenant" INTEGER NOT NULL,
  "last_position" INTEGER NOT NULL DEFAULT 0,
  "purged_position" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant") );

CREATE TABLE "holder" (
  "tenant" INTEGER NOT NULL,
  "user_id" TEXT NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant",
  "user_id") );

CREATE TABLE "job" (
  "tenant" INTEGER NOT NULL,
  "id" BLOB NOT NULL,
  "kind" INTEGER NOT NULL,
  "state" INTEGER NOT NULL,
  "config" TEXT NOT NULL,
  "caller" TEXT NOT NULL,
  "actor" TEXT,
  "phase" INTEGER NOT NULL DEFAULT 0,
  "after_id" BLOB,
  "turn" INTEGER NOT NULL DEFAULT 0,
  "total" INTEGER NOT NULL DEFAULT 0,
  "done" INTEGER NOT NULL DEFAULT 0,
  "moved" INTEGER NOT NULL DEFAULT 0,
  "refused" INTEGER NOT NULL DEFAULT 0,
  "reason" TEXT NOT NULL,
  "message" TEXT NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 0,
  "create_time" INTEGER NOT NULL DEFAULT 0,
  "update_time" INTEGER NOT NULL DEFAULT 0,
  "finish_time" INTEGER, PRIMARY KEY ("tenant",
  "id") );

CREATE INDEX "job_state" ON "job" ("state",
  "id");

CREATE TABLE "job_item" (
  "tenant" INTEGER NOT NULL,
  "job_id" BLOB NOT NULL,
  "seq" INTEGER NOT NULL DEFAULT 0,
  "account_id" BLOB NOT NULL,
  "reason" TEXT NOT NULL,
  "message" TEXT NOT NULL, PRIMARY KEY ("tenant",
  "job_id",
  "seq") );

CREATE TABLE "lease" (
  "name" TEXT NOT NULL,
  "owner" TEXT NOT NULL,
  "epoch" INTEGER NOT NULL DEFAULT 0,
  "expire_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("name") );

CREATE TABLE "limit_rule" (
  "tenant" INTEGER NOT NULL,
  "id" BLOB NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 0,
  "config" TEXT NOT NULL,
  "create_time" INTEGER NOT NULL DEFAULT 0,
  "update_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant",
  "id") );

CREATE TABLE "object_viewer" (
  "tenant" INTEGER NOT NULL,
  "account_id" BLOB NOT NULL,
  "user_id" TEXT NOT NULL,
  "source" TEXT NOT NULL,
  "object_type" TEXT NOT NULL,
  "object_id" TEXT NOT NULL, PRIMARY KEY ("tenant",
  "account_id",
  "user_id",
  "source",
  "object_type",
  "object_id") );

CREATE INDEX "object_viewer_object" ON "object_viewer" ("tenant",
  "source",
  "object_type",
  "object_id");

CREATE TABLE "parked_activity" (
  "tenant" INTEGER NOT NULL,
  "source" TEXT NOT NULL,
  "event_id" TEXT NOT NULL,
  "payload_hash" BLOB NOT NULL,
  "external_id" TEXT NOT NULL,
  "payload" BLOB NOT NULL,
  "park_time" INTEGER NOT NULL DEFAULT 0,
  "expire_time" INTEGER NOT NULL DEFAULT 0,
  "tries" INTEGER NOT NULL DEFAULT 0,
  "try_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant",
  "source",
  "event_id") );

CREATE INDEX "parked_activity_account" ON "parked_activity" ("tenant",
  "external_id",
  "park_time");

CREATE INDEX "parked_activity_expiry" ON "parked_activity" ("expire_time",
  "tenant",
  "source",
  "event_id");

CREATE TABLE "pool" (
  "tenant" INTEGER NOT NULL,
  "id" BLOB NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 0,
  "state" INTEGER NOT NULL,
  "entries" INTEGER NOT NULL DEFAULT 0,
  "config" TEXT NOT NULL,
  "create_time" INTEGER NOT NULL DEFAULT 0,
  "update_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant",
  "id") );

CREATE TABLE "reclaim_breaker" (
  "tenant" INTEGER NOT NULL,
  "pool_id" BLOB NOT NULL,
  "window_time" INTEGER NOT NULL DEFAULT 0,
  "taken" INTEGER NOT NULL DEFAULT 0,
  "allowed" INTEGER NOT NULL DEFAULT 0,
  "open_time" INTEGER NOT NULL DEFAULT 0,
  "due" INTEGER NOT NULL DEFAULT 0,
  "version" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant",
  "pool_id") );

CREATE TABLE "reclaim_rule" (
  "tenant" INTEGER NOT NULL,
  "id" BLOB NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 0,
  "config" TEXT NOT NULL,
  "create_time" INTEGER NOT NULL DEFAULT 0,
  "update_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant",
  "id") );

CREATE TABLE "reminder_rule" (
  "tenant" INTEGER NOT NULL,
  "id" BLOB NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 0,
  "config" TEXT NOT NULL,
  "create_time" INTEGER NOT NULL DEFAULT 0,
  "update_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant",
  "id") );

CREATE TABLE "replan" (
  "tenant" INTEGER NOT NULL,
  "revision" INTEGER NOT NULL DEFAULT 0,
  "done" INTEGER NOT NULL DEFAULT 0,
  "total" INTEGER NOT NULL DEFAULT 0,
  "start_time" INTEGER NOT NULL DEFAULT 0,
  "update_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant") );

CREATE TABLE "request" (
  "tenant" INTEGER NOT NULL,
  "caller" TEXT NOT NULL,
  "request_id" TEXT NOT NULL,
  "payload_hash" BLOB NOT NULL,
  "response" BLOB NOT NULL,
  "create_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant",
  "caller",
  "request_id") );

CREATE INDEX "request_create_time" ON "request" ("create_time");

CREATE TABLE "retention_pause" (
  "tenant" INTEGER NOT NULL,
  "id" BLOB NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 0,
  "config" TEXT NOT NULL,
  "create_time" INTEGER NOT NULL DEFAULT 0,
  "update_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant",
  "id") );

CREATE TABLE "schema_step" (
  "name" TEXT NOT NULL,
  "min_binary" TEXT,
  "apply_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("name") );

CREATE TABLE "service_secret" (
  "name" TEXT NOT NULL,
  "value" BLOB NOT NULL,
  "create_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("name") );

CREATE TABLE "source_watermark" (
  "tenant" INTEGER NOT NULL,
  "source" TEXT NOT NULL,
  "heard_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant",
  "source") );

CREATE TABLE "tenant" (
  "id" INTEGER NOT NULL,
  "name" TEXT NOT NULL,
  "config_revision" INTEGER NOT NULL DEFAULT 0,
  "directory_revision" INTEGER NOT NULL DEFAULT 0,
  "retention_revision" INTEGER NOT NULL DEFAULT 0,
  "retention_time" INTEGER NOT NULL DEFAULT 0,
  "replanned_revision" INTEGER NOT NULL DEFAULT 0,
  "settings_version" INTEGER NOT NULL DEFAULT 0,
  "settings" TEXT NOT NULL,
  "create_time" INTEGER NOT NULL DEFAULT 0,
  "update_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("id") );

CREATE UNIQUE INDEX "tenant_name" ON "tenant" ("name");

CREATE TABLE "tenure" (
  "tenant" INTEGER NOT NULL,
  "account_id" BLOB NOT NULL,
  "start_version" INTEGER NOT NULL DEFAULT 0,
  "user_id" TEXT NOT NULL,
  "pool_id" BLOB,
  "start_time" INTEGER NOT NULL DEFAULT 0,
  "start_cause" INTEGER NOT NULL,
  "start_actor" TEXT,
  "open" INTEGER,
  "end_time" INTEGER,
  "end_cause" INTEGER,
  "end_actor" TEXT,
  "bans_claim" BOOLEAN NOT NULL DEFAULT 0,
  "reason" TEXT NOT NULL,
  "note" TEXT NOT NULL,
  "rule_id" BLOB,
  "deadline" INTEGER, PRIMARY KEY ("tenant",
  "account_id",
  "start_version"), CHECK ((open = 1 AND end_time IS NULL) OR (open IS NULL AND end_time IS NOT NULL)) );

CREATE UNIQUE INDEX "tenure_open" ON "tenure" ("tenant",
  "account_id",
  "open");

CREATE INDEX "tenure_user" ON "tenure" ("tenant",
  "user_id",
  "start_cause",
  "start_time",
  "pool_id");

CREATE TABLE "user_absence" (
  "tenant" INTEGER NOT NULL,
  "id" BLOB NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 0,
  "config" TEXT NOT NULL,
  "create_time" INTEGER NOT NULL DEFAULT 0,
  "update_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant",
  "id") );

CREATE TABLE "webhook" (
  "tenant" INTEGER NOT NULL,
  "id" BLOB NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 0,
  "config" TEXT NOT NULL,
  "create_time" INTEGER NOT NULL DEFAULT 0,
  "update_time" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("tenant",
  "id") );

CREATE TABLE "webhook_delivery" (
  "tenant" INTEGER NOT NULL,
  "webhook_id" BLOB NOT NULL,
  "position" INTEGER NOT NULL DEFAULT 0,
  "account_id" BLOB NOT NULL,
  "dead" BOOLEAN NOT NULL DEFAULT 0,
  "attempts" INTEGER NOT NULL DEFAULT 0,
  "next_time" INTEGER NOT NULL DEFAULT 0,
  "attempt_time" INTEGER NOT NULL DEFAULT 0,
  "error" TEXT NOT NULL, PRIMARY KEY ("tenant",
  "webhook_id",
  "position") );

CREATE INDEX "webhook_delivery_state" ON "webhook_delivery" ("tenant",
  "webhook_id",
  "dead",
  "position");

CREATE TABLE "webhook_progress" (
  "tenant" INTEGER NOT NULL,
  "webhook_id" BLOB NOT NULL,
  "active" BOOLEAN NOT NULL DEFAULT 0,
  "version" INTEGER NOT NULL DEFAULT 0,
  "position" INTEGER NOT NULL DEFAULT 0,
  "waiting" INTEGER NOT NULL DEFAULT 0,
  "next_time" INTEGER NOT NULL DEFAULT 0,
  "pause_time" INTEGER NOT NULL DEFAULT 0,
  "failures" INTEGER NOT NULL DEFAULT 0,
  "failing_since" INTEGER NOT NULL DEFAULT 0,
  "deliver_time" INTEGER NOT NULL DEFAULT 0,
  "error" TEXT NOT NULL, PRIMARY KEY ("tenant",
  "webhook_id") );

