//! The same of configuration. What the domain checks of it is asked in an organisation that has everything that the
//! request names, and what it takes is, sent as we would answer it, read as the same.

use super::bounds::{accepts, distinct, mask, text, within};
use chrono::{DateTime, Utc};
use std::{collections::BTreeMap, sync::Arc};
use tidepool::{
    app::{
        activity_rule::UpdateRules, activity_source::Register, exception_pause::CreatePause,
        retention_rule::CreateReclaimRule, tenant::UpdateTenant,
    },
    domain::{
        activity::{Kind, kinds::ActivityKind, rules::ActivityRules},
        activity_source::ActivitySource,
        configured::Configured,
        custom_field::CustomField,
        directory::{Department, Directory, Entry, Group, User},
        directory_plan,
        exception::pause as pauses,
        ids::{CallerId, DepartmentId, GroupId, PoolId, TenantKey, TenantName, UserId},
        limits::{LimitRule, LimitRules},
        organisation::{Organisation, Revisions},
        pool::{Pool, PoolConfig, PoolState},
        retention::{
            config::{Retention, RetentionPause},
            hold::Span,
            reminder_rule::ReminderRule,
            rule::{ReclaimRule, RuleHome},
        },
        tenant::{ReturnReason, Tenant, TenantSettings},
        webhook::Settings,
    },
    rpc::{convert, proto},
};
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// Users, departments and groups with these ids.
fn directory(users: &[UserId], departments: &[DepartmentId], groups: &[GroupId]) -> Directory {
    fn entry<T>(value: T) -> Arc<Entry<T>> {
        Arc::new(Entry {
            value,
            version: 1,
            update_time: NOW,
        })
    }
    let user = |id: &UserId| User {
        id: id.clone(),
        display_name: String::new(),
        active: true,
        primary_department: None,
        other_departments: Vec::new(),
        supervisor: None,
        groups: Vec::new(),
        roles: Vec::new(),
        region: String::new(),
        skills: Vec::new(),
    };
    let department = |id: &DepartmentId| Department {
        id: id.clone(),
        display_name: String::new(),
        parent: None,
        head: None,
    };
    let group = |id: &GroupId| Group {
        id: id.clone(),
        display_name: String::new(),
    };
    Directory::compile(
        users.iter().map(|id| (id.clone(), entry(user(id)))).collect(),
        departments
            .iter()
            .map(|id| (id.clone(), entry(department(id))))
            .collect(),
        groups.iter().map(|id| (id.clone(), entry(group(id)))).collect(),
    )
}

fn organisation(directory: Directory, pools: &[PoolId]) -> Organisation {
    let pool = |id: &PoolId| {
        let message = proto::Pool {
            display_name: "Pool".to_owned(),
            ..proto::Pool::default()
        };
        let config = convert::pool::create(Some(message)).expect("has the form of a pool");
        (*id, Arc::new(configured(*id, config)))
    };
    Organisation {
        key: TenantKey(1),
        name: TenantName::parse("acme").expect("a name"),
        revisions: Revisions {
            config: 1,
            directory: 1,
        },
        tenant: stored(TenantSettings::new("Acme".to_owned(), chrono_tz::UTC)),
        directory: Arc::new(directory),
        pools: pools.iter().map(pool).collect(),
        cooldowns: false,
        limit_rules: LimitRules::default(),
        retention: Retention::default(),
        custom_fields: Vec::new(),
        activity_sources: Vec::new(),
        webhooks: Vec::new(),
        activity_rules: ActivityRules::default(),
    }
}

fn configured(id: PoolId, config: PoolConfig) -> Pool {
    Pool {
        id,
        version: 1,
        state: PoolState::Active,
        config,
        create_time: NOW,
        update_time: NOW,
    }
}

fn stored(settings: TenantSettings) -> Tenant {
    Tenant {
        settings,
        version: 1,
        create_time: NOW,
        update_time: NOW,
    }
}

pub(super) fn tenant(update: UpdateTenant) {
    mask(&update.paths);
    let settings = update.settings;
    if !accepts(settings.validate()) {
        return;
    }
    text(&settings.display_name, 1..=255);
    within(settings.daily_claim_limit, 0..=9999);
    within(Some(settings.max_extension_days), 0..=9999);
    within(Some(settings.max_locks_per_user), 0..=9999);
    within(Some(settings.breaker_percent), 1..=100);
    within(Some(settings.breaker_accounts), 1..=1_000_000);
    distinct(&settings.required_sources, 50);
    assert!(settings.return_reasons.len() <= 100 && !settings.work_calendar.weekdays.is_empty());
    let name = TenantName::parse("acme").expect("a name");
    let message = proto::UpdateTenantRequest {
        tenant: Some(convert::tenant::encode(&(name, stored(settings.clone())))),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["*".to_owned()],
        }),
        ..proto::UpdateTenantRequest::default()
    };
    let again = convert::tenant::update(message).expect("as we would send it");
    let zone = again.settings.time_zone;
    assert_eq!(
        again.settings,
        TenantSettings {
            time_zone: zone,
            ..settings
        }
    );
}

pub(super) fn users(users: Vec<User>) {
    assert!((1..=1000).contains(&users.len()));
    let known = |user: &User| {
        (user.primary_department.iter().chain(&user.other_departments))
            .cloned()
            .collect::<Vec<_>>()
    };
    let departments: Vec<_> = users.iter().flat_map(known).collect();
    let groups: Vec<_> = users.iter().flat_map(|user| user.groups.clone()).collect();
    let Ok(plan) = directory_plan::users(&directory(&[], &departments, &groups), users) else {
        return;
    };
    let all: BTreeMap<_, _> = plan.changed.iter().map(|(_, user)| (&user.id, user)).collect();
    assert_eq!(all.len(), plan.changed.len());
    for user in all.values() {
        text(&user.display_name, 0..=255);
        text(&user.region, 0..=64);
        distinct(&user.skills, 50);
        distinct(&user.groups, 200);
        let mut above = Some(*user);
        for _ in 0..=all.len() {
            above = above.and_then(|user| all.get(user.supervisor.as_ref()?).copied());
        }
        assert!(above.is_none(), "{} is above himself", user.id);
    }
}

pub(super) fn departments(departments: Vec<Department>) {
    assert!((1..=1000).contains(&departments.len()));
    let heads: Vec<_> = departments
        .iter()
        .filter_map(|department| department.head.clone())
        .collect();
    if let Ok(plan) = directory_plan::departments(&directory(&heads, &[], &[]), departments) {
        for (_, department) in &plan.changed {
            text(&department.display_name, 0..=255);
        }
    }
}

pub(super) fn groups(groups: Vec<Group>) {
    assert!((1..=1000).contains(&groups.len()));
    if let Ok(plan) = directory_plan::groups(&directory(&[], &[], &[]), groups) {
        for (_, group) in &plan.changed {
            text(&group.display_name, 0..=255);
        }
    }
}

pub(super) fn pool(config: PoolConfig) {
    let users = [&*config.administrators, &*config.members.users].concat();
    let departments: Vec<_> = config
        .members
        .departments
        .iter()
        .map(|member| member.department_id.clone())
        .collect();
    let mut org = organisation(directory(&users, &departments, &config.members.groups), &[]);
    org.tenant.settings.return_reasons = config
        .return_reasons
        .iter()
        .map(|id| ReturnReason {
            id: id.clone(),
            display_name: "Why".to_owned(),
            enabled: true,
            note_required: false,
        })
        .collect();
    if !accepts(config.validate(&org)) {
        return;
    }
    text(&config.display_name, 1..=255);
    within(config.claim_limit, 0..=9999);
    within(config.daily_claim_limit, 0..=9999);
    within(config.cooldown_days, 1..=9999);
    distinct(&config.administrators, 100);
    distinct(&config.members.users, 5000);
    distinct(&config.hidden_fields, 14);
    assert!(!config.administrators.is_empty() && !config.hidden_fields.iter().any(|field| field == "name"));
    let again = convert::pool::create(Some(convert::pool::encode(&configured(
        PoolId(Uuid::nil()),
        config.clone(),
    ))));
    assert_eq!(again.expect("as we would send it"), config);
}

/// The organisation in which rules of this home can be.
fn home(home: &RuleHome, target: Option<PoolId>) -> Organisation {
    let department = match home {
        RuleHome::Department(id) => Some(id.clone()),
        RuleHome::Pool(_) => None,
    };
    let pools: Vec<_> = home.pool().into_iter().chain(target).collect();
    organisation(directory(&[], department.as_slice(), &[]), &pools)
}

pub(super) fn reclaim_rule(made: CreateReclaimRule) {
    let mut terms = made.terms;
    // 0 means after all others.
    terms.priority = terms.priority.max(1);
    let org = home(&made.home, terms.target_pool_id);
    let rule = ReclaimRule {
        home: made.home,
        include_sub_departments: made.include_sub_departments,
        enabled: true,
        clock_floor: None,
        terms,
    };
    if !accepts(rule.validate(&org, None)) {
        return;
    }
    let terms = &rule.terms;
    text(&terms.display_name, 0..=255);
    within(Some(terms.priority), 1..=9999);
    within(terms.created_within_months, 1..=120);
    for days in terms.grade_days.iter().map(|own| own.days).chain([terms.days]) {
        for days in [days.follow_up, days.first_contact, days.close] {
            within(days, 1..=9999);
        }
    }
    for days in [terms.max_hold_days, terms.contract_end_days, terms.no_restart_days] {
        within(days, 1..=9999);
    }
    distinct(
        &terms
            .reminders
            .iter()
            .map(|reminder| reminder.days_before)
            .collect::<Vec<_>>(),
        10,
    );
    let stored = Configured::new(Uuid::nil(), rule.clone(), NOW);
    let message = proto::CreateReclaimRuleRequest {
        reclaim_rule: Some(convert::retention_rule::encode(&stored)),
        ..proto::CreateReclaimRuleRequest::default()
    };
    let again = convert::retention_rule::create(message).expect("as we would send it");
    assert_eq!((again.home, again.terms), (rule.home, rule.terms));
}

pub(super) fn limit(rule: LimitRule) {
    let subjects = &rule.subjects;
    let departments: Vec<_> = subjects
        .departments
        .iter()
        .map(|named| named.department_id.clone())
        .collect();
    let org = organisation(directory(&subjects.users, &departments, &subjects.groups), &[]);
    if !accepts(rule.validate(&org)) {
        return;
    }
    text(&rule.display_name, 1..=255);
    within(Some(rule.limit), 0..=9999);
    within(rule.priority, 1..=9999);
    let again = convert::retention_limit::encode(&Configured::new(Uuid::nil(), rule.clone(), NOW));
    assert_eq!(
        convert::retention_limit::create(Some(again)).expect("as we would send it"),
        rule
    );
}

pub(super) fn reminder_rule(rule: ReminderRule) {
    if !accepts(rule.validate(&home(&rule.home, None), None)) {
        return;
    }
    text(&rule.terms.display_name, 0..=255);
    within(Some(rule.terms.idle_days), 1..=9999);
    assert!(!rule.terms.recipients.is_empty());
    let again = convert::reminder_rule::encode(&Configured::new(Uuid::nil(), rule.clone(), NOW));
    assert_eq!(
        convert::reminder_rule::create(Some(again)).expect("as we would send it"),
        rule
    );
}

pub(super) fn custom_field(field: CustomField) {
    if !accepts(field.validate()) {
        return;
    }
    assert!((1..=64).contains(&field.name.len()) && field.name.is_ascii());
    text(&field.display_name, 1..=255);
    let again = convert::custom_field::encode(&Configured::new(Uuid::nil(), field.clone(), NOW));
    assert_eq!(
        convert::custom_field::create(Some(again)).expect("as we would send it"),
        field
    );
}

pub(super) fn activity_rules(update: UpdateRules) {
    let config = update.config;
    if !accepts(ActivityRules::default().validate(&config)) {
        return;
    }
    assert_eq!(config.close_kinds.len(), 1);
    distinct(&config.follow_up_kinds, 50);
    within(Some(config.min_summary_length), 0..=1000);
    within(Some(config.min_follow_up_spacing), 0..=86_400);
    within(Some(config.late_follow_up_hours), 0..=168);
    let message = proto::UpdateActivityRulesRequest {
        activity_rules: Some(convert::activity_rule::encode(&Configured::new(
            Uuid::nil(),
            config.clone(),
            NOW,
        ))),
        update_mask: Some(prost_types::FieldMask { paths: update.paths }),
        ..proto::UpdateActivityRulesRequest::default()
    };
    assert_eq!(
        convert::activity_rule::update(message)
            .expect("as we would send it")
            .config,
        config
    );
}

pub(super) fn activity_kind(kind: ActivityKind) {
    if accepts(kind.validate(|name| name.starts_with('o'))) {
        assert!(kind.name.len() <= 64 && Kind::parse(&kind.name).is_ok());
        text(&kind.display_name, 1..=255);
        distinct(&kind.reverses, 20);
    }
}

pub(super) fn source(register: Register) {
    let source = ActivitySource {
        name: register
            .name
            .unwrap_or_else(|| CallerId::parse("orders").expect("an id")),
        display_name: register.display_name,
        kinds: register.kinds,
        enabled: true,
    };
    if accepts(source.validate()) {
        text(&source.display_name, 1..=255);
        distinct(&source.kinds, 200);
    }
}

pub(super) fn webhook(settings: Settings) {
    if accepts(settings.validate(None)) {
        text(&settings.display_name, 1..=255);
        let scheme = settings.url.split(':').next().unwrap_or_default();
        assert!(["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)));
    }
    distinct(&settings.filter.pool_ids, 100);
    distinct(&settings.filter.owners, 100);
    assert!(settings.filter.kinds.len() <= 50);
}

pub(super) fn pause(made: CreatePause) {
    let org = organisation(directory(&[], &[], &[]), made.pool_id.as_slice());
    let span = Span {
        from: made.from.unwrap_or(NOW),
        until: made.until,
    };
    let pause = RetentionPause {
        pool_id: made.pool_id,
        span,
        reason: made.reason,
    };
    if accepts(pauses::check(&org, &pause)) {
        assert!(pause.span.until.is_none_or(|until| pause.span.from < until));
        text(&pause.reason, 0..=1000);
    }
}
