//! A tenant that has one of everything, under names of its own, and makes more as examples need it.

use crate::{
    build::{department, group, user},
    harness::{Client, Server},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tidepool::{
    app::{App, call::Scope},
    rpc::proto::{self, Account, CustomField, NewAccount, Pool, PoolMembers, User},
};

/// What an id is an id of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Thing {
    User,
    Department,
    Group,
    Role,
    Reason,
    Pool,
    Account,
    ReclaimRule,
    ReminderRule,
    RetentionLimit,
    CustomField,
    ActivityKind,
    Job,
    UserAbsence,
    RetentionPause,
    ActivitySource,
    Webhook,
    /// A thing of which the history of the configuration has several events.
    Event,
}

/// The tenant.
pub(crate) struct Side {
    /// A service that administers it.
    pub(crate) admin: Client,
    /// In all its names, and in none of another's.
    pub(crate) tag: &'static str,
    /// One of each thing.
    pub(crate) ids: BTreeMap<Thing, String>,
    /// The flows below the server, for those who work on jobs.
    pub(crate) app: Arc<App>,
    /// A job of which several accounts were refused.
    pub(crate) refused_job: String,
    /// Accounts that a rule took back, and how many of them were given out.
    pub(crate) reclaimed: Vec<String>,
    pub(crate) undone: AtomicUsize,
    /// The pool from which two were taken in error.
    pub(crate) disputed_pool: String,
    /// The names of custom fields for text, numbers and times.
    pub(crate) fields: Vec<String>,
    made: AtomicUsize,
}

macro_rules! ask {
    ($side:expr, $service:ident.$method:ident($request:ident { $($field:ident: $value:expr),* $(,)? })) => {
        $side.admin.$service().$method(proto::$request { $($field: $value,)* ..Default::default() })
            .await.unwrap().into_inner()
    };
}

impl Side {
    /// Creates the tenant, if it is not there, and furnishes it.
    pub(crate) async fn furnish(server: &Server, tenant: &str, tag: &'static str) -> Self {
        let mut side = Self {
            admin: server.caller(tenant, "console", &[Scope::Admin]),
            tag,
            ids: BTreeMap::new(),
            app: server.running.app.clone(),
            refused_job: String::new(),
            reclaimed: Vec::new(),
            undone: AtomicUsize::new(0),
            disputed_pool: String::new(),
            fields: Vec::new(),
            made: AtomicUsize::new(0),
        };
        let (ann, role) = (side.name("ann"), side.name("role"));
        ask!(
            side,
            directory.batch_upsert_departments(BatchUpsertDepartmentsRequest {
                departments: vec![
                    department(&side.name("d"), ""),
                    department(&side.name("sub"), &side.name("d"))
                ],
            })
        );
        ask!(
            side,
            directory.batch_upsert_groups(BatchUpsertGroupsRequest {
                groups: vec![group(&side.name("g")), group(&side.name("h"))],
            })
        );
        let below = |id: &str| User {
            supervisor: ann.clone(),
            primary_department: side.name("d"),
            groups: vec![side.name("g")],
            ..user(&side.name(id))
        };
        let root = User {
            roles: vec!["crm-admin".into(), role.clone()],
            ..user(&side.name("root"))
        };
        ask!(
            side,
            directory.batch_upsert_users(BatchUpsertUsersRequest {
                users: vec![root, user(&ann), below("bob"), below("cid")],
            })
        );
        let reasons = ["why", "else"].map(|id| proto::ReturnReason {
            id: side.name(id),
            display_name: side.name(id),
            enabled: true,
            note_required: false,
        });
        let settings = proto::TenantSettings {
            return_reasons: reasons.to_vec(),
            ..Default::default()
        };
        ask!(
            side,
            tenants.update_tenant(UpdateTenantRequest {
                tenant: Some(proto::Tenant {
                    settings: Some(settings),
                    ..Default::default()
                }),
                update_mask: crate::build::mask(&["settings.return_reasons"]),
            })
        );
        let ids = [
            (Thing::User, side.name("cid")),
            (Thing::Department, side.name("d")),
            (Thing::Group, side.name("g")),
            (Thing::Role, role),
            (Thing::Reason, side.name("why")),
            (Thing::Pool, side.new_pool().await),
            (Thing::CustomField, side.new_field(proto::CustomFieldType::Text).await.0),
            (Thing::ActivityKind, side.new_kind().await.id),
        ];
        side.ids.extend(ids);
        for field_type in [
            proto::CustomFieldType::Text,
            proto::CustomFieldType::Number,
            proto::CustomFieldType::Time,
        ] {
            let field = side.new_field(field_type).await.1;
            side.fields.push(field);
        }
        // What makes lists longer than a page of one.
        let pool_id = side.new_pool().await;
        ask!(
            side,
            pools.disable_pool(DisablePoolRequest {
                pool_id: pool_id.clone()
            })
        );
        side.ids.insert(Thing::Event, pool_id);
        side.lose(server).await;
        let pool = side.id(Thing::Pool);
        for _ in 0..2 {
            let (absence, pause) = (side.new_absence().await, side.new_pause(&pool).await);
            side.ids
                .extend([(Thing::UserAbsence, absence), (Thing::RetentionPause, pause)]);
        }
        for name in ["shop", "till"] {
            let source = side.new_source(&side.name(name)).await;
            side.ids.insert(Thing::ActivitySource, source);
        }
        // Before there are jobs that nobody is to work on.
        side.refused_job = side.make_refused_job().await;
        side.new_limit().await;
        let rule = side.new_rule(&side.id(Thing::Pool)).await;
        side.new_rule(&side.id(Thing::Pool)).await;
        let reminder_rule = side.new_reminder_rule(&side.id(Thing::Pool)).await;
        side.new_reminder_rule(&side.id(Thing::Pool)).await;
        side.rule_departments().await;
        side.chosen().await;
        side.chosen().await;
        let account = side.owned().await;
        let job = side.new_job().await;
        side.new_job().await;
        let limit = side.new_limit().await;
        side.ids.extend([
            (Thing::ReclaimRule, rule),
            (Thing::ReminderRule, reminder_rule),
            (Thing::Account, account),
            (Thing::Job, job),
            (Thing::RetentionLimit, limit),
        ]);
        // Its stream has begun; what examples do gets no place in it.
        tidepool::worker::relay::once(&side.app).await.unwrap();
        side.furnish_webhooks().await;
        side
    }

    /// A name that no other tenant has.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{name}-{}", self.tag)
    }

    /// A name that nothing has yet.
    pub(crate) fn fresh(&self, name: &str) -> String {
        self.name(&format!("{name}{}", self.made.fetch_add(1, Ordering::Relaxed)))
    }

    /// The id of the thing that there is from the beginning.
    pub(crate) fn id(&self, thing: Thing) -> String {
        self.ids[&thing].clone()
    }

    /// A pool as a request has it.
    pub(crate) fn pool(&self) -> Pool {
        Pool {
            display_name: self.fresh("North"),
            administrators: vec![self.name("ann")],
            members: Some(PoolMembers {
                users: vec![self.name("cid")],
                groups: vec![self.name("g")],
                departments: vec![proto::PoolDepartment {
                    department_id: self.name("d"),
                    include_sub_departments: true,
                }],
                roles: vec![self.name("role")],
                everyone: false,
            }),
            hidden_fields: vec!["phone".into()],
            return_reasons: vec![self.name("why")],
            time_zone: "Europe/Berlin".into(),
            ..Pool::default()
        }
    }

    pub(crate) async fn new_pool(&self) -> String {
        let pool = Some(self.pool());
        ask!(self, pools.create_pool(CreatePoolRequest { pool: pool }))
            .pool
            .unwrap()
            .id
    }

    /// An account as a request has it.
    pub(crate) fn account(&self) -> Account {
        let text = || "something".to_owned();
        Account {
            name: self.fresh("Acme"),
            grade: text(),
            industry: text(),
            source: text(),
            region: text(),
            phone: text(),
            email: text(),
            website: text(),
            address: text(),
            remark: text(),
            external_id: self.fresh("x"),
            tags: vec![text()],
            location: Some(proto::Location {
                latitude: 1.0,
                longitude: 2.0,
            }),
            ..Account::default()
        }
    }

    pub(crate) async fn new_account(&self, pool_id: String, owner: String) -> String {
        let new_account = NewAccount {
            account: Some(self.account()),
            pool_id,
            owner,
        };
        let made = ask!(
            self,
            accounts.create_account(CreateAccountRequest {
                new_account: Some(new_account)
            })
        );
        made.account.unwrap().id
    }

    /// An account that waits in the pool.
    pub(crate) async fn lying(&self) -> String {
        self.new_account(self.id(Thing::Pool), String::new()).await
    }

    /// An account of the pool that `bob` owns.
    pub(crate) async fn owned(&self) -> String {
        self.new_account(self.id(Thing::Pool), self.name("bob")).await
    }

    /// An account outside pools that `bob` owns.
    pub(crate) async fn outside(&self) -> String {
        self.new_account(String::new(), self.name("bob")).await
    }

    pub(crate) async fn canceled(&self) -> String {
        let account_id = self.owned().await;
        ask!(
            self,
            accounts.cancel_account(CancelAccountRequest {
                account_id: account_id.clone()
            })
        );
        account_id
    }

    /// A rule as a request has it.
    pub(crate) fn rule(&self, pool_id: &str) -> proto::ReclaimRule {
        proto::ReclaimRule {
            pool_id: pool_id.into(),
            display_name: self.fresh("Rule"),
            follow_up_days: Some(30),
            grade_days: vec![proto::GradeDays {
                grade: "A".into(),
                follow_up_days: Some(15),
                first_contact_days: Some(3),
                close_days: None,
            }],
            reminders: vec![proto::AdvanceReminder {
                days_before: 3,
                recipients: vec![proto::ReminderRecipient::Owner.into()],
            }],
            target_pool_id: if pool_id == self.id(Thing::Pool) {
                String::new()
            } else {
                self.id(Thing::Pool)
            },
            ..Default::default()
        }
    }

    pub(crate) async fn new_rule(&self, pool_id: &str) -> String {
        let rule = Some(self.rule(pool_id));
        let made = ask!(
            self,
            retention_rules.create_reclaim_rule(CreateReclaimRuleRequest { reclaim_rule: rule })
        );
        made.reclaim_rule.unwrap().id
    }

    /// A reminder rule as a request has it.
    pub(crate) fn reminder_rule(&self, pool_id: &str) -> proto::ReminderRule {
        proto::ReminderRule {
            pool_id: pool_id.into(),
            display_name: self.fresh("Idle"),
            condition: "account.grade != \"Z\"".into(),
            created_within_months: Some(6),
            idle_days: 30,
            recipients: vec![proto::ReminderRecipient::Owner.into()],
            ..Default::default()
        }
    }

    pub(crate) async fn new_reminder_rule(&self, pool_id: &str) -> String {
        let rule = Some(self.reminder_rule(pool_id));
        let made = ask!(
            self,
            reminder_rules.create_reminder_rule(CreateReminderRuleRequest { reminder_rule: rule })
        );
        made.reminder_rule.unwrap().id
    }

    /// A department with a rule.
    async fn rule_departments(&self) {
        crate::build::push_departments(&self.admin, vec![department(&self.name("ruled"), "")]).await;
        let rule = proto::ReclaimRule {
            pool_id: String::new(),
            department_id: self.name("ruled"),
            target_pool_id: self.id(Thing::Pool),
            ..self.rule("")
        };
        ask!(
            self,
            retention_rules.create_reclaim_rule(CreateReclaimRuleRequest {
                reclaim_rule: Some(rule)
            })
        );
    }

    /// A user of the department with a rule.
    pub(crate) async fn employee(&self) -> String {
        let employee = User {
            primary_department: self.name("ruled"),
            ..user(&self.fresh("employee"))
        };
        let id = employee.id.clone();
        crate::build::push_users(&self.admin, vec![employee]).await;
        id
    }

    /// The same, with the department chosen for him.
    pub(crate) async fn chosen(&self) -> String {
        let user_id = self.employee().await;
        ask!(
            self,
            retention_rules.choose_retention_department(ChooseRetentionDepartmentRequest {
                user_id: user_id.clone(),
                department_id: self.name("ruled"),
            })
        );
        user_id
    }

    /// A limit as a request has it. It is wide.
    pub(crate) fn limit(&self) -> proto::RetentionLimit {
        proto::RetentionLimit {
            display_name: self.fresh("Limit"),
            limit: Some(9999),
            subjects: Some(proto::RetentionLimitSubjects {
                users: vec![self.name("bob")],
                groups: vec![self.name("g")],
                departments: vec![proto::RetentionLimitDepartment {
                    department_id: self.name("d"),
                    include_sub_departments: true,
                }],
                tenant_default: false,
            }),
            ..Default::default()
        }
    }

    pub(crate) async fn new_limit(&self) -> String {
        let limit = Some(self.limit());
        let made = ask!(
            self,
            limits.create_retention_limit(CreateRetentionLimitRequest { retention_limit: limit })
        );
        made.retention_limit.unwrap().id
    }

    /// A custom field, by id and name.
    pub(crate) async fn new_field(&self, field_type: proto::CustomFieldType) -> (String, String) {
        let field = CustomField {
            name: self.fresh("f").replace('-', "_"),
            display_name: self.fresh("Field"),
            r#type: field_type.into(),
            ..Default::default()
        };
        let made = ask!(
            self,
            custom_fields.create_custom_field(CreateCustomFieldRequest {
                custom_field: Some(field)
            })
        );
        let made = made.custom_field.unwrap();
        (made.id, made.name)
    }

    /// A job of which several accounts were refused, because their owner is no member of where they were to go.
    async fn make_refused_job(&self) -> String {
        let source_pool_id = self.new_pool().await;
        for _ in 0..2 {
            self.new_account(source_pool_id.clone(), self.name("bob")).await;
        }
        let closed = Pool {
            members: None,
            ..self.pool()
        };
        let made = ask!(self, pools.create_pool(CreatePoolRequest { pool: Some(closed) }));
        let target_pool_id = made.pool.unwrap().id;
        let started = ask!(
            self,
            jobs.start_transfer_pool(StartTransferPoolRequest {
                source_pool_id: source_pool_id,
                target_pool_id: target_pool_id,
            })
        );
        self.work().await;
        started.job.unwrap().id
    }

    /// Works on all jobs that wait, of every tenant.
    pub(crate) async fn work(&self) {
        tidepool::worker::jobs::once(&self.app).await.unwrap();
    }

    /// A job that nobody has begun to work on.
    pub(crate) async fn new_job(&self) -> String {
        let (source, target) = (self.new_pool().await, self.id(Thing::Pool));
        let started = ask!(
            self,
            jobs.start_transfer_pool(StartTransferPoolRequest {
                source_pool_id: source,
                target_pool_id: target,
            })
        );
        started.job.unwrap().id
    }
}
