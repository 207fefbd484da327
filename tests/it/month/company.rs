//! The real service: two replicas on one database, with the same people, pools and rules as the model. On SQLite, which
//! serves one, the second is a worker only.

use super::{
    days::Instant,
    naive::{Account, Done, Idle, POOLS, Place, Rule, Tenure, USERS, User, Whom, Win, ZONE},
};
use crate::{
    activities::time,
    build::{department, mask, push_departments, push_users, update_tenant, user},
    harness::{Replica, Server, run_sql},
    moves::{Order, Wish},
    site::Site,
};
use chrono::{DateTime, TimeDelta};
use secrecy::ExposeSecret;
use std::sync::Arc;
use tidepool::{
    app::App,
    lifecycle,
    rpc::proto::{self, AccountEvent, Pool, PoolMembers, ReclaimRule, ReminderKind, ReminderRecipient, ReminderRule},
};
use tonic::Status;

pub(super) struct Company {
    pub(super) server: Server,
    replica: Replica,
    pub(super) site: Site,
    /// The workers of the two replicas.
    pub(super) apps: [Arc<App>; 2],
    pub(super) pools: Vec<String>,
    pub(super) accounts: Vec<String>,
    /// Of each account, the version up to which its events were read.
    read: Vec<i64>,
    pub(super) reclaim: Vec<String>,
    pub(super) idle: Vec<String>,
}

fn micros(time: Option<prost_types::Timestamp>) -> Option<Instant> {
    let time = time?;
    DateTime::from_timestamp(time.seconds, time.nanos.cast_unsigned())
}

fn days(days: Option<u32>) -> Option<i32> {
    days.map(u32::cast_signed)
}

fn recipients(whom: &[Whom]) -> Vec<i32> {
    let recipient = |whom: &Whom| match whom {
        Whom::Owner => ReminderRecipient::Owner.into(),
        Whom::Supervisor => ReminderRecipient::Supervisor.into(),
        Whom::Admins => ReminderRecipient::PoolAdmins.into(),
    };
    whom.iter().map(recipient).collect()
}

fn known(user: &str) -> User {
    USERS.iter().find(|(id, ..)| *id == user).unwrap().0
}

fn person(id: &str, in_sales: bool) -> proto::User {
    let (_, above) = USERS.iter().find(|(user, _)| *user == id).unwrap();
    proto::User {
        supervisor: above.unwrap_or_default().into(),
        primary_department: if in_sales { "sales".into() } else { String::new() },
        ..user(id)
    }
}

impl Company {
    /// The people and pools, at that time.
    pub(super) async fn open(from: Instant) -> Self {
        let server = Server::start().await;
        server.clock.advance(from - server.clock.now());
        let replica = server.replica().await;
        let db = lifecycle::open(&server.config, &server.clock).await.unwrap();
        let second = App::start(db, server.clock.clone()).await.unwrap();
        let site = Site::new(vec![server.channel(), replica.channel.clone()]);
        let admin = site.admin();
        let tenant = proto::Tenant {
            time_zone: ZONE.name().into(),
            ..Default::default()
        };
        update_tenant(&admin, tenant, &["time_zone"]).await.unwrap();
        push_departments(&admin, vec![department("sales", "")]).await;
        push_users(&admin, USERS.iter().map(|(id, _)| person(id, false)).collect()).await;
        let mut pools = vec![];
        for (at, (zone, administrators)) in POOLS.iter().enumerate() {
            let pool = Pool {
                display_name: format!("Pool {at}"),
                administrators: administrators.iter().map(ToString::to_string).collect(),
                members: Some(PoolMembers {
                    everyone: true,
                    ..PoolMembers::default()
                }),
                time_zone: zone.name().into(),
                ..Pool::default()
            };
            pools.push(site.pool(pool).await);
        }
        Self {
            apps: [server.running.app.clone(), Arc::new(second)],
            server,
            replica,
            site,
            pools,
            accounts: vec![],
            read: vec![],
            reclaim: vec![],
            idle: vec![],
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.server.clock.now()
    }

    fn pool(&self, place: Place) -> String {
        place.map(|at| self.pools[at].clone()).unwrap_or_default()
    }

    /// A new account in the pool, or of the user outside pools.
    pub(super) async fn account(&mut self, place: Place, owner: User) {
        let name = format!("Account {}", self.accounts.len());
        let account = self.site.create(&name, &self.pool(place), owner).await;
        self.accounts.push(account.id);
        self.read.push(0);
    }

    fn rule(&self, rule: &Rule) -> ReclaimRule {
        let action = if rule.never {
            proto::ReclaimAction::NoReclaim
        } else {
            proto::ReclaimAction::Reclaim
        };
        let combine = match (rule.follow_up.is_some() && rule.close.is_some(), rule.both) {
            (true, true) => proto::CombineMode::Both,
            (true, false) => proto::CombineMode::Either,
            (false, _) => proto::CombineMode::Unspecified,
        };
        let grade = |(grade, follow_up): (&str, u32)| proto::GradeDays {
            grade: grade.into(),
            follow_up_days: days(Some(follow_up)),
            ..Default::default()
        };
        let reminder = |(before, whom): &(u32, Vec<Whom>)| proto::AdvanceReminder {
            days_before: before.cast_signed(),
            recipients: recipients(whom),
        };
        ReclaimRule {
            pool_id: self.pool(rule.place),
            department_id: if rule.place.is_none() {
                "sales".into()
            } else {
                String::new()
            },
            condition: rule
                .only
                .map(|grade| format!("account.grade == \"{grade}\""))
                .unwrap_or_default(),
            created_within_months: days(rule.months),
            action: action.into(),
            first_contact_days: days(rule.first),
            follow_up_days: days(rule.follow_up),
            close_days: days(rule.close),
            combine: combine.into(),
            after_win: match rule.win {
                None => proto::AfterWin::Unspecified,
                Some(Win::Exempts) => proto::AfterWin::Exempt,
                Some(Win::Restarts) => proto::AfterWin::Restart,
            }
            .into(),
            grade_days: rule.grade.map(grade).into_iter().collect(),
            max_hold_days: days(rule.max_hold),
            cutoff: match rule.cutoff {
                _ if rule.never => String::new(),
                None => "NONE".into(),
                Some(time) => time.format("%H:%M").to_string(),
            },
            reminders: rule.reminders.iter().map(reminder).collect(),
            repeat_daily: rule.daily,
            target_pool_id: self.pool(rule.target),
            ..ReclaimRule::default()
        }
    }

    /// A new rule, from the first day on.
    pub(super) async fn create_rule(&mut self, rule: &Rule) {
        let request = proto::CreateReclaimRuleRequest {
            reclaim_rule: Some(self.rule(rule)),
            include_past_days: Some(true),
            ..Default::default()
        };
        let made = self.site.admin().retention_rules().create_reclaim_rule(request).await;
        self.reclaim.push(made.unwrap().into_inner().reclaim_rule.unwrap().id);
    }

    /// Changes a rule, by the replica `at`.
    pub(super) async fn update_rule(&self, at: usize, id: usize, rule: &Rule, past: bool) {
        let paths = [
            "follow_up_days",
            "first_contact_days",
            "close_days",
            "combine",
            "after_win",
            "grade_days",
            "max_hold_days",
            "cutoff",
            "reminders",
            "repeat_daily",
        ];
        let request = proto::UpdateReclaimRuleRequest {
            reclaim_rule: Some(ReclaimRule {
                id: self.reclaim[id].clone(),
                ..self.rule(rule)
            }),
            update_mask: mask(&paths),
            include_past_days: Some(past),
            ..Default::default()
        };
        let mut client = self.site.admin_at(at).retention_rules();
        client.update_reclaim_rule(request).await.unwrap();
    }

    /// Takes a rule into use, or out of it.
    pub(super) async fn use_rule(&self, at: usize, id: usize, enabled: bool, past: bool) {
        let mut client = self.site.admin_at(at).retention_rules();
        let reclaim_rule_id = self.reclaim[id].clone();
        if enabled {
            let request = proto::EnableReclaimRuleRequest {
                reclaim_rule_id,
                include_past_days: Some(past),
                ..Default::default()
            };
            client.enable_reclaim_rule(request).await.unwrap();
        } else {
            let request = proto::DisableReclaimRuleRequest {
                reclaim_rule_id,
                ..Default::default()
            };
            client.disable_reclaim_rule(request).await.unwrap();
        }
    }

    /// Puts somebody into the department that has a rule, or takes him out of it.
    pub(super) async fn department(&self, at: usize, user: User, in_sales: bool) {
        // Those above him are there already.
        push_users(&self.site.admin_at(at), vec![person(user, in_sales)]).await;
    }

    fn idle(&self, idle: &Idle) -> ReminderRule {
        ReminderRule {
            pool_id: self.pool(idle.place),
            idle_days: idle.days.cast_signed(),
            until_won: idle.until_won,
            repeat_daily: idle.daily,
            recipients: recipients(&idle.whom),
            ..ReminderRule::default()
        }
    }

    pub(super) async fn create_idle(&mut self, idle: &Idle) {
        let request = proto::CreateReminderRuleRequest {
            reminder_rule: Some(self.idle(idle)),
            ..Default::default()
        };
        let made = self.site.admin().reminder_rules().create_reminder_rule(request).await;
        self.idle.push(made.unwrap().into_inner().reminder_rule.unwrap().id);
    }

    pub(super) async fn update_idle(&self, at: usize, id: usize, idle: &Idle) {
        let request = proto::UpdateReminderRuleRequest {
            reminder_rule: Some(ReminderRule {
                id: self.idle[id].clone(),
                ..self.idle(idle)
            }),
            update_mask: mask(&["idle_days", "until_won", "repeat_daily", "recipients"]),
            ..Default::default()
        };
        let mut client = self.site.admin_at(at).reminder_rules();
        client.update_reminder_rule(request).await.unwrap();
    }

    /// Moves an account, as whoever may.
    pub(super) async fn play(&self, at: usize, who: &str, account: usize, wish: &Wish) -> Result<(), Status> {
        let client = if who.is_empty() {
            self.site.admin_at(at)
        } else {
            self.site.user_at(at, who)
        };
        Order::of(&self.accounts[account]).send(&client, wish).await.map(drop)
    }

    /// Moves, where the place is one of the model's.
    pub(super) fn to(&self, place: Place) -> String {
        self.pool(place)
    }

    pub(super) async fn grade(&self, at: usize, account: usize, grade: &str) {
        let request = proto::UpdateAccountRequest {
            account: Some(proto::Account {
                id: self.accounts[account].clone(),
                grade: grade.into(),
                ..Default::default()
            }),
            update_mask: mask(&["grade"]),
            ..Default::default()
        };
        self.site.admin_at(at).accounts().update_account(request).await.unwrap();
    }

    /// Tells of something that happened. Answers whether it was new.
    pub(super) async fn tell(
        &self,
        at: usize,
        account: usize,
        event: u32,
        kind: &str,
        object: &str,
        when: Instant,
    ) -> bool {
        let activity = proto::Activity {
            event_id: format!("e{event:06}"),
            account_id: self.accounts[account].clone(),
            kind: kind.into(),
            object_id: object.into(),
            occur_time: time(when),
            ..Default::default()
        };
        let request = proto::RecordActivitiesRequest {
            activities: vec![activity],
            ..Default::default()
        };
        let mut client = self.site.source_at(at, "crm").activities();
        let answer = client.record_activities(request).await.unwrap().into_inner();
        let [result] = answer.results.as_slice() else {
            panic!("{answer:?}")
        };
        assert_eq!(result.status.as_ref().unwrap().code, 0, "{result:?}");
        result.outcome() == proto::RecordOutcome::Recorded
    }

    /// Lets whoever comes next have the lease of a worker that died.
    pub(super) async fn expire_lease(&self) {
        let url = self.server.config.database.url.expose_secret();
        run_sql(url, "UPDATE lease SET expire_time = 0".into()).await;
    }

    /// All accounts as the service shows them.
    pub(super) async fn state(&self, at: usize) -> Vec<proto::Account> {
        let request = proto::BatchGetAccountsRequest {
            account_ids: self.accounts.clone(),
        };
        let got = self.site.admin_at(at).accounts().batch_get_accounts(request).await;
        let accounts = got.unwrap().into_inner().accounts;
        assert_eq!(accounts.len(), self.accounts.len());
        accounts
    }

    /// What people were told of the account, and what a rule did to it, since the last time.
    pub(super) async fn done(&mut self, at: usize, account: usize, version: i64) -> Vec<(Instant, Done)> {
        if version == self.read[account] {
            return vec![];
        }
        let request = proto::ListAccountEventsRequest {
            account_id: self.accounts[account].clone(),
            page_size: 500,
            ..Default::default()
        };
        let listed = self.site.admin_at(at).history().list_account_events(request).await;
        let mut events = listed.unwrap().into_inner().account_events;
        events.retain(|event| event.version > self.read[account]);
        events.sort_by_key(|event| event.version);
        let versions: Vec<_> = events.iter().map(|event| event.version).collect();
        assert_eq!(
            versions,
            (self.read[account] + 1..=version).collect::<Vec<_>>(),
            "one event per version"
        );
        self.read[account] = version;
        let mut done = vec![];
        for event in events {
            let at = micros(event.event_time).unwrap();
            done.extend(self.of(event).into_iter().map(|done| (at, done)));
        }
        done
    }

    fn of(&self, event: AccountEvent) -> Vec<Done> {
        let effects = event.effects.unwrap_or_default();
        let rule = |ids: &[String], id: &str| ids.iter().position(|known| known == id).unwrap();
        let mut done = vec![];
        if effects.end_cause() == proto::TenureEndCause::AutoReclaimed {
            assert_eq!(event.kind, "account.reclaimed");
            // By which rule and deadline is told by the tenure.
            done.push(Done::Reclaimed(known(&effects.owner.as_ref().unwrap().old)));
        }
        if let Some(reminder) = effects.reminder {
            let deadline = micros(reminder.deadline);
            let whom = reminder.recipients.iter().map(|user| known(user)).collect();
            done.push(match reminder.kind() {
                ReminderKind::Deadline => {
                    let days = reminder.days_before.unwrap().cast_unsigned();
                    Done::Reminded(rule(&self.reclaim, &reminder.rule_id), days, deadline.unwrap(), whom)
                }
                ReminderKind::DeadlineMoved => Done::Moved(deadline.unwrap(), whom),
                ReminderKind::Idle => Done::Idle(rule(&self.idle, &reminder.rule_id), deadline, whom),
                ReminderKind::Unspecified => panic!("{reminder:?}"),
            });
        }
        done
    }

    /// All ownerships that are over, the oldest first.
    pub(super) async fn tenures(&self, account: usize) -> Vec<Tenure> {
        let request = proto::ListTenuresRequest {
            account_id: self.accounts[account].clone(),
            page_size: 500,
            ..Default::default()
        };
        let listed = self.site.admin().history().list_tenures(request).await.unwrap();
        let tenures = listed.into_inner().tenures.into_iter().rev();
        let over = tenures.filter(|tenure| tenure.end_time.is_some()).map(|tenure| Tenure {
            user: known(&tenure.user_id),
            since: micros(tenure.start_time).unwrap(),
            until: micros(tenure.end_time).unwrap(),
            reclaimed: (tenure.end_cause() == proto::TenureEndCause::AutoReclaimed).then(|| {
                let rule = self.reclaim.iter().position(|id| *id == tenure.rule_id);
                (rule.unwrap(), micros(tenure.deadline).unwrap())
            }),
        });
        over.collect()
    }

    pub(super) async fn close(self) {
        let [_, second] = self.apps;
        second.db.close().await;
        self.replica.stop().await;
        self.server.stop().await;
    }

    /// An account in a line.
    pub(super) fn line(&self, account: &proto::Account) -> String {
        let ownership = account.ownership.as_ref().unwrap();
        let place = self.pools.iter().position(|id| *id == ownership.pool_id);
        assert_eq!(place.is_none(), ownership.pool_id.is_empty());
        let assigned = ownership.status() == proto::AccountStatus::Assigned;
        assert_eq!(assigned, !ownership.owner.is_empty());
        let owner = assigned.then(|| (known(&ownership.owner), micros(ownership.owner_since).unwrap()));
        let left = account
            .remaining_retention
            .map(|left| TimeDelta::seconds(left.seconds) + TimeDelta::nanoseconds(left.nanos.into()));
        let deals = account.deals.unwrap_or_default();
        let facts = (
            micros(account.last_follow_up_time),
            micros(deals.last_won_time),
            deals.won_count,
        );
        line(place, owner, micros(ownership.reclaim_time), left, facts)
    }
}

impl Account {
    /// The same of the model.
    pub(super) fn line(&self, now: Instant) -> String {
        let won = i64::try_from(self.closed().count()).unwrap();
        let deadline = self.deadline.map(|(_, at)| at);
        line(
            self.place,
            self.owner,
            deadline,
            self.remaining(now),
            (self.followed_up().max(self.won()), self.won(), won),
        )
    }
}

type Facts = (Option<Instant>, Option<Instant>, i64);

fn line(
    place: Place,
    owner: Option<(User, Instant)>,
    deadline: Option<Instant>,
    left: Option<TimeDelta>,
    (follow_up, won, deals): Facts,
) -> String {
    let or = |time: Option<Instant>| time.map_or("-".into(), |time| format!("{time:?}"));
    let owner = owner.map_or("nobody".into(), |(user, since)| format!("{user} since {since:?}"));
    let left = left.map_or("-".into(), |left| format!("{left}"));
    format!(
        "in {place:?} of {owner}, due {} left {left}; followed up {}, {deals} deals {}",
        or(deadline),
        or(follow_up),
        or(won)
    )
}
