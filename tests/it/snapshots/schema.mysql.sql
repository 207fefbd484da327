CREATE TABLE `account` (
  `tenant` int NOT NULL,
  `id` binary(16) NOT NULL,
  `version` bigint NOT NULL DEFAULT '0',
  `status` smallint NOT NULL,
  `status_before_cancel` smallint DEFAULT NULL,
  `owner` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `last_owner` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `owner_since` bigint DEFAULT NULL,
  `pool_id` binary(16) DEFAULT NULL,
  `pool_entry_time` bigint DEFAULT NULL,
  `pool_entry_cause` smallint DEFAULT NULL,
  `last_end_reason` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `last_end_note` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `transfer_count` bigint NOT NULL DEFAULT '0',
  `deal_status` smallint NOT NULL,
  `won_count` bigint NOT NULL DEFAULT '0',
  `last_won_time` bigint NOT NULL DEFAULT '0',
  `last_follow_up_time` bigint NOT NULL DEFAULT '0',
  `anchor_time` bigint DEFAULT NULL,
  `reclaim_time` bigint DEFAULT NULL,
  `rule_id` binary(16) DEFAULT NULL,
  `notice_floor` bigint NOT NULL DEFAULT '0',
  `planned_revision` bigint NOT NULL DEFAULT '0',
  `kind` smallint NOT NULL,
  `name` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `name_key` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `unique_name` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL,
  `external_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `grade` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `industry` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `source` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `region` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `phone` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `email` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `website` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `address` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `latitude` double DEFAULT NULL,
  `longitude` double DEFAULT NULL,
  `remark` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `creator` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `create_time` bigint NOT NULL DEFAULT '0',
  `update_time` bigint NOT NULL DEFAULT '0',
  `wake_time` bigint DEFAULT NULL,
  `contract_end_time` bigint NOT NULL DEFAULT '0',
  `locked_by` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `lock_time` bigint NOT NULL DEFAULT '0',
  `lock_expire_time` bigint NOT NULL DEFAULT '0',
  `embargo_time` bigint NOT NULL DEFAULT '0',
  `disputed_time` bigint NOT NULL DEFAULT '0',
  `tenure_clock` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  `clock_memory` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  `merged_into` binary(16) DEFAULT NULL,
  PRIMARY KEY (`tenant`,`id`),
  UNIQUE KEY `account_unique_name` (`tenant`,`unique_name`),
  UNIQUE KEY `account_external_id` (`tenant`,`external_id`),
  KEY `account_owner` (`tenant`,`owner`,`deal_status`,`pool_id`,`status`),
  KEY `account_pool` (`tenant`,`pool_id`,`status`,`id`),
  KEY `account_pool_name` (`tenant`,`pool_id`,`status`,`name_key`,`id`),
  KEY `account_wake_time` (`wake_time`,`tenant`,`id`),
  CONSTRAINT `account_chk_1` CHECK ((`status` between 1 and 7)),
  CONSTRAINT `account_chk_2` CHECK ((((`status` in (1,2,4)) and (`owner` is not null)) or ((`status` not in (1,2,4)) and (`owner` is null)))),
  CONSTRAINT `account_chk_3` CHECK (((`status` = 4) or (`reclaim_time` is null))),
  CONSTRAINT `account_chk_4` CHECK (((`owner` is null) = (`owner_since` is null)))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `account_event` (
  `tenant` int NOT NULL,
  `account_id` binary(16) NOT NULL,
  `version` bigint NOT NULL DEFAULT '0',
  `event_time` bigint NOT NULL DEFAULT '0',
  `kind` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `caller` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `actor` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `effects` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `note` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  `position` bigint DEFAULT NULL,
  `pool_id` binary(16) DEFAULT NULL,
  `owner` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `traceparent` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  PRIMARY KEY (`tenant`,`account_id`,`version`),
  KEY `account_event_position` (`tenant`,`position`,`account_id`,`version`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `account_field` (
  `tenant` int NOT NULL,
  `account_id` binary(16) NOT NULL,
  `field_id` binary(16) NOT NULL,
  `text_value` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL,
  `number_value` double DEFAULT NULL,
  `time_value` bigint DEFAULT NULL,
  PRIMARY KEY (`tenant`,`account_id`,`field_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `account_tag` (
  `tenant` int NOT NULL,
  `account_id` binary(16) NOT NULL,
  `tag` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  PRIMARY KEY (`tenant`,`account_id`,`tag`),
  KEY `account_tag_tag` (`tenant`,`tag`,`account_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `account_team` (
  `tenant` int NOT NULL,
  `account_id` binary(16) NOT NULL,
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `role` smallint NOT NULL,
  `access` smallint NOT NULL,
  `create_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`,`account_id`,`user_id`),
  KEY `account_team_user` (`tenant`,`user_id`,`account_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `activity` (
  `tenant` int NOT NULL,
  `source` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `event_id` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `payload_hash` binary(32) NOT NULL,
  `account_id` binary(16) NOT NULL,
  `kind` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `object_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `occur_time` bigint NOT NULL DEFAULT '0',
  `record_time` bigint NOT NULL DEFAULT '0',
  `actor` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `summary` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `contract_end_time` bigint DEFAULT NULL,
  `amount` bigint DEFAULT NULL,
  `currency` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `object_owner` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `visible_to` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  `object_locked` tinyint(1) NOT NULL DEFAULT '0',
  `object_in_workflow` tinyint(1) NOT NULL DEFAULT '0',
  `standing` smallint DEFAULT NULL,
  `traceparent` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  PRIMARY KEY (`tenant`,`source`,`event_id`),
  KEY `activity_timeline` (`tenant`,`account_id`,`occur_time`,`source`,`event_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `activity_kind` (
  `tenant` int NOT NULL,
  `id` binary(16) NOT NULL,
  `version` bigint NOT NULL DEFAULT '0',
  `config` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `create_time` bigint NOT NULL DEFAULT '0',
  `update_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `activity_rules` (
  `tenant` int NOT NULL,
  `id` binary(16) NOT NULL,
  `version` bigint NOT NULL DEFAULT '0',
  `config` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `create_time` bigint NOT NULL DEFAULT '0',
  `update_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `activity_source` (
  `tenant` int NOT NULL,
  `id` binary(16) NOT NULL,
  `version` bigint NOT NULL DEFAULT '0',
  `config` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `create_time` bigint NOT NULL DEFAULT '0',
  `update_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `business_object` (
  `tenant` int NOT NULL,
  `source` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `object_type` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `object_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `account_id` binary(16) NOT NULL,
  `closed` tinyint(1) NOT NULL DEFAULT '0',
  `state_time` bigint NOT NULL DEFAULT '0',
  `state_event_id` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `end_time` bigint NOT NULL DEFAULT '0',
  `action` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `detail_time` bigint NOT NULL DEFAULT '0',
  `detail_event_id` varchar(128) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `amount` bigint DEFAULT NULL,
  `currency` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `owner` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `owner_time` bigint NOT NULL DEFAULT '0',
  `locked` tinyint(1) NOT NULL DEFAULT '0',
  `in_workflow` tinyint(1) NOT NULL DEFAULT '0',
  `end_told_time` bigint NOT NULL DEFAULT '0',
  `end_told_event_id` varchar(128) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  PRIMARY KEY (`tenant`,`source`,`object_type`,`object_id`),
  KEY `business_object_account` (`tenant`,`account_id`,`closed`),
  KEY `business_object_related` (`tenant`,`account_id`,`object_type`,`detail_time`,`source`,`object_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `chosen_department` (
  `tenant` int NOT NULL,
  `id` binary(16) NOT NULL,
  `version` bigint NOT NULL DEFAULT '0',
  `config` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `create_time` bigint NOT NULL DEFAULT '0',
  `update_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `config_event` (
  `tenant` int NOT NULL,
  `id` binary(16) NOT NULL,
  `event_time` bigint NOT NULL DEFAULT '0',
  `caller` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `actor` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `resource_type` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `resource` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `action` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `changes` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  PRIMARY KEY (`tenant`,`id`),
  KEY `config_event_resource` (`tenant`,`resource_type`,`resource`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `custom_field` (
  `tenant` int NOT NULL,
  `id` binary(16) NOT NULL,
  `version` bigint NOT NULL DEFAULT '0',
  `config` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `create_time` bigint NOT NULL DEFAULT '0',
  `update_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `directory_department` (
  `tenant` int NOT NULL,
  `id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `display_name` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `parent` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `head` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `version` bigint NOT NULL DEFAULT '0',
  `update_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `directory_group` (
  `tenant` int NOT NULL,
  `id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `display_name` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `version` bigint NOT NULL DEFAULT '0',
  `update_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `directory_user` (
  `tenant` int NOT NULL,
  `id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `display_name` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `active` tinyint(1) NOT NULL DEFAULT '0',
  `primary_department` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `supervisor` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `region` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `departments` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `member_groups` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `roles` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `skills` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `version` bigint NOT NULL DEFAULT '0',
  `update_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `disputed_reclaim` (
  `tenant` int NOT NULL,
  `pool_id` binary(16) NOT NULL,
  `account_id` binary(16) NOT NULL,
  PRIMARY KEY (`tenant`,`pool_id`,`account_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `event_export` (
  `tenant` int NOT NULL,
  `destination` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `position` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`,`destination`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `event_stream` (
  `tenant` int NOT NULL,
  `last_position` bigint NOT NULL DEFAULT '0',
  `purged_position` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `holder` (
  `tenant` int NOT NULL,
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `version` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`,`user_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `job` (
  `tenant` int NOT NULL,
  `id` binary(16) NOT NULL,
  `kind` smallint NOT NULL,
  `state` smallint NOT NULL,
  `config` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `caller` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `actor` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `phase` bigint NOT NULL DEFAULT '0',
  `after_id` binary(16) DEFAULT NULL,
  `turn` bigint NOT NULL DEFAULT '0',
  `total` bigint NOT NULL DEFAULT '0',
  `done` bigint NOT NULL DEFAULT '0',
  `moved` bigint NOT NULL DEFAULT '0',
  `refused` bigint NOT NULL DEFAULT '0',
  `reason` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `message` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `version` bigint NOT NULL DEFAULT '0',
  `create_time` bigint NOT NULL DEFAULT '0',
  `update_time` bigint NOT NULL DEFAULT '0',
  `finish_time` bigint DEFAULT NULL,
  PRIMARY KEY (`tenant`,`id`),
  KEY `job_state` (`state`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `job_item` (
  `tenant` int NOT NULL,
  `job_id` binary(16) NOT NULL,
  `seq` bigint NOT NULL DEFAULT '0',
  `account_id` binary(16) NOT NULL,
  `reason` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `message` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  PRIMARY KEY (`tenant`,`job_id`,`seq`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `lease` (
  `name` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `owner` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `epoch` bigint NOT NULL DEFAULT '0',
  `expire_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `limit_rule` (
  `tenant` int NOT NULL,
  `id` binary(16) NOT NULL,
  `version` bigint NOT NULL DEFAULT '0',
  `config` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `create_time` bigint NOT NULL DEFAULT '0',
  `update_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `object_viewer` (
  `tenant` int NOT NULL,
  `account_id` binary(16) NOT NULL,
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `source` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `object_type` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `object_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (`tenant`,`account_id`,`user_id`,`source`,`object_type`,`object_id`),
  KEY `object_viewer_object` (`tenant`,`source`,`object_type`,`object_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `parked_activity` (
  `tenant` int NOT NULL,
  `source` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `event_id` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `payload_hash` binary(32) NOT NULL,
  `external_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `payload` longblob NOT NULL,
  `park_time` bigint NOT NULL DEFAULT '0',
  `expire_time` bigint NOT NULL DEFAULT '0',
  `tries` bigint NOT NULL DEFAULT '0',
  `try_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`,`source`,`event_id`),
  KEY `parked_activity_account` (`tenant`,`external_id`,`park_time`),
  KEY `parked_activity_expiry` (`expire_time`,`tenant`,`source`,`event_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `pool` (
  `tenant` int NOT NULL,
  `id` binary(16) NOT NULL,
  `version` bigint NOT NULL DEFAULT '0',
  `state` smallint NOT NULL,
  `entries` bigint NOT NULL DEFAULT '0',
  `config` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `create_time` bigint NOT NULL DEFAULT '0',
  `update_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `reclaim_breaker` (
  `tenant` int NOT NULL,
  `pool_id` binary(16) NOT NULL,
  `window_time` bigint NOT NULL DEFAULT '0',
  `taken` bigint NOT NULL DEFAULT '0',
  `allowed` bigint NOT NULL DEFAULT '0',
  `open_time` bigint NOT NULL DEFAULT '0',
  `due` bigint NOT NULL DEFAULT '0',
  `version` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`,`pool_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `reclaim_rule` (
  `tenant` int NOT NULL,
  `id` binary(16) NOT NULL,
  `version` bigint NOT NULL DEFAULT '0',
  `config` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `create_time` bigint NOT NULL DEFAULT '0',
  `update_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `reminder_rule` (
  `tenant` int NOT NULL,
  `id` binary(16) NOT NULL,
  `version` bigint NOT NULL DEFAULT '0',
  `config` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `create_time` bigint NOT NULL DEFAULT '0',
  `update_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `replan` (
  `tenant` int NOT NULL,
  `revision` bigint NOT NULL DEFAULT '0',
  `done` bigint NOT NULL DEFAULT '0',
  `total` bigint NOT NULL DEFAULT '0',
  `start_time` bigint NOT NULL DEFAULT '0',
  `update_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `request` (
  `tenant` int NOT NULL,
  `caller` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `request_id` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `payload_hash` binary(32) NOT NULL,
  `response` longblob NOT NULL,
  `create_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`,`caller`,`request_id`),
  KEY `request_create_time` (`create_time`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `retention_pause` (
  `tenant` int NOT NULL,
  `id` binary(16) NOT NULL,
  `version` bigint NOT NULL DEFAULT '0',
  `config` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `create_time` bigint NOT NULL DEFAULT '0',
  `update_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `schema_step` (
  `name` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `min_binary` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `apply_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `service_secret` (
  `name` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `value` longblob NOT NULL,
  `create_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `source_watermark` (
  `tenant` int NOT NULL,
  `source` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `heard_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`,`source`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `tenant` (
  `id` int NOT NULL,
  `name` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `config_revision` bigint NOT NULL DEFAULT '0',
  `directory_revision` bigint NOT NULL DEFAULT '0',
  `retention_revision` bigint NOT NULL DEFAULT '0',
  `retention_time` bigint NOT NULL DEFAULT '0',
  `replanned_revision` bigint NOT NULL DEFAULT '0',
  `settings_version` bigint NOT NULL DEFAULT '0',
  `settings` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `create_time` bigint NOT NULL DEFAULT '0',
  `update_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`id`),
  UNIQUE KEY `tenant_name` (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `tenure` (
  `tenant` int NOT NULL,
  `account_id` binary(16) NOT NULL,
  `start_version` bigint NOT NULL DEFAULT '0',
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `pool_id` binary(16) DEFAULT NULL,
  `start_time` bigint NOT NULL DEFAULT '0',
  `start_cause` smallint NOT NULL,
  `start_actor` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `open` smallint DEFAULT NULL,
  `end_time` bigint DEFAULT NULL,
  `end_cause` smallint DEFAULT NULL,
  `end_actor` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `bans_claim` tinyint(1) NOT NULL DEFAULT '0',
  `reason` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `note` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `rule_id` binary(16) DEFAULT NULL,
  `deadline` bigint DEFAULT NULL,
  PRIMARY KEY (`tenant`,`account_id`,`start_version`),
  UNIQUE KEY `tenure_open` (`tenant`,`account_id`,`open`),
  KEY `tenure_user` (`tenant`,`user_id`,`start_cause`,`start_time`,`pool_id`),
  CONSTRAINT `tenure_chk_1` CHECK ((((`open` = 1) and (`end_time` is null)) or ((`open` is null) and (`end_time` is not null))))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `user_absence` (
  `tenant` int NOT NULL,
  `id` binary(16) NOT NULL,
  `version` bigint NOT NULL DEFAULT '0',
  `config` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `create_time` bigint NOT NULL DEFAULT '0',
  `update_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `webhook` (
  `tenant` int NOT NULL,
  `id` binary(16) NOT NULL,
  `version` bigint NOT NULL DEFAULT '0',
  `config` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `create_time` bigint NOT NULL DEFAULT '0',
  `update_time` bigint NOT NULL DEFAULT '0',
  PRIMARY KEY (`tenant`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `webhook_delivery` (
  `tenant` int NOT NULL,
  `webhook_id` binary(16) NOT NULL,
  `position` bigint NOT NULL DEFAULT '0',
  `account_id` binary(16) NOT NULL,
  `dead` tinyint(1) NOT NULL DEFAULT '0',
  `attempts` bigint NOT NULL DEFAULT '0',
  `next_time` bigint NOT NULL DEFAULT '0',
  `attempt_time` bigint NOT NULL DEFAULT '0',
  `error` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  PRIMARY KEY (`tenant`,`webhook_id`,`position`),
  KEY `webhook_delivery_state` (`tenant`,`webhook_id`,`dead`,`position`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `webhook_progress` (
  `tenant` int NOT NULL,
  `webhook_id` binary(16) NOT NULL,
  `active` tinyint(1) NOT NULL DEFAULT '0',
  `version` bigint NOT NULL DEFAULT '0',
  `position` bigint NOT NULL DEFAULT '0',
  `waiting` bigint NOT NULL DEFAULT '0',
  `next_time` bigint NOT NULL DEFAULT '0',
  `pause_time` bigint NOT NULL DEFAULT '0',
  `failures` bigint NOT NULL DEFAULT '0',
  `failing_since` bigint NOT NULL DEFAULT '0',
  `deliver_time` bigint NOT NULL DEFAULT '0',
  `error` varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  PRIMARY KEY (`tenant`,`webhook_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

