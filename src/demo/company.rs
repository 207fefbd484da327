//! The organisation: tenant, departments, people, three pools with rules of their own, and a limit.

use super::{
    Act, say,
    stage::{ADMIN, NORA, NORTH, Pools, SAM, SOUTH, Stage, TENANT},
};
use tidepool::{
    client::{Client, Refused},
    domain::{ids::TenantName, tenant::TenantSettings},
    rpc::proto::{
        AdvanceReminder, BatchUpsertDepartmentsRequest, BatchUpsertUsersRequest, ClaimMode, CreatePoolRequest,
        CreateReclaimRuleRequest, CreateRetentionLimitRequest, Department, GradeDays, Pool, PoolDepartment,
        PoolMembers, ReclaimAction, ReclaimRule, ReminderRecipient, RetentionLimit, RetentionLimitDepartment,
        RetentionLimitSubjects, User,
    },
};

/// Role of those who look after key accounts.
const KEY_ROLE: &str = "key-accounts";

pub(super) async fn found(stage: &mut Stage) -> Act {
    say::act("A company: two departments, ten people, three pools");
    // There is no call for this: operators do it, with `tidepool tenant create`.
    let settings = TenantSettings::new("Demo Ltd".into(), chrono_tz::Europe::London);
    stage.app.create_tenant(&TenantName::parse(TENANT)?, settings).await?;
    directory(stage).await?;
    let admin = stage.user(ADMIN)?;
    stage.pools = Pools {
        exhibition: pool(&admin, exhibition()).await?,
        north: pool(&admin, north()).await?,
        key: pool(&admin, key()).await?,
    };
    let Pools { exhibition, north, key } = &stage.pools;
    say::line(
        "Exhibition: everybody, 15 claims a day, 40 held, 7 days of cool-down, no phone or e-mail before a claim",
    );
    rule(&admin, exhibition, |rule| {
        rule.display_name = "First contact".into();
        rule.first_contact_days = Some(14);
        rule.follow_up_days = Some(40);
        rule.grade_days = vec![GradeDays {
            grade: "A".into(),
            first_contact_days: Some(7),
            ..GradeDays::default()
        }];
        rule.reminders = vec![
            remind(3, &[ReminderRecipient::Owner]),
            remind(1, &[ReminderRecipient::Owner, ReminderRecipient::Supervisor]),
        ];
    })
    .await?;
    say::line("   an account goes back after 14 days without a first contact, 7 of grade A, or 40 without another;");
    say::line("   its owner is reminded 3 days before, and with his supervisor on the last day");
    say::line("North: the department north, 12 held, 30 days of cool-down");
    rule(&admin, north, |rule| {
        rule.display_name = "Win".into();
        rule.close_days = Some(30);
    })
    .await?;
    say::line("   an account goes back after 30 days without a win");
    say::line("Key accounts: given by its admins, never claimed");
    rule(&admin, key, |rule| {
        rule.action = ReclaimAction::NoReclaim.into();
        rule.cutoff.clear();
    })
    .await?;
    say::line("   nothing goes back");
    limit(&admin).await?;
    say::line("Nobody in the department south holds more than 30 accounts, won ones aside");
    Ok(())
}

async fn directory(stage: &Stage) -> Act {
    let mut directory = stage.service("identity", "directory")?.directory();
    let departments = ["north", "south"].map(|id| Department {
        id: id.into(),
        display_name: format!("Sales {id}"),
        ..Department::default()
    });
    let request = BatchUpsertDepartmentsRequest {
        departments: departments.into(),
        ..BatchUpsertDepartmentsRequest::default()
    };
    directory
        .batch_upsert_departments(request)
        .await
        .map_err(|status| Refused::from(&status))?;

    let person = |id: &str, department: &str, supervisor: &str, roles: &[&str]| User {
        id: id.into(),
        display_name: id[..1].to_uppercase() + &id[1..],
        active: true,
        primary_department: department.into(),
        supervisor: supervisor.into(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        ..User::default()
    };
    let mut users = vec![
        person(ADMIN, "", "", &["crm-admin"]),
        person(NORA, "north", "", &[KEY_ROLE]),
        person(SAM, "south", "", &[KEY_ROLE]),
    ];
    for (department, head, reps) in [("north", NORA, NORTH), ("south", SAM, SOUTH)] {
        // The first two of each department also look after key accounts.
        let roles = |at: usize| if at < 2 { &[KEY_ROLE][..] } else { &[] };
        let reps = reps.into_iter().enumerate();
        users.extend(reps.map(|(at, rep)| person(rep, department, head, roles(at))));
    }
    say::line(format!(
        "{ADMIN} administers; {NORA} leads {}; {SAM} leads {}",
        NORTH.join(", "),
        SOUTH.join(", ")
    ));
    let request = BatchUpsertUsersRequest {
        users,
        ..BatchUpsertUsersRequest::default()
    };
    directory
        .batch_upsert_users(request)
        .await
        .map_err(|status| Refused::from(&status))?;
    Ok(())
}

fn exhibition() -> Pool {
    Pool {
        display_name: "Exhibition".into(),
        administrators: vec![NORA.into(), SAM.into()],
        members: Some(PoolMembers {
            everyone: true,
            ..PoolMembers::default()
        }),
        claim_limit: Some(40),
        daily_claim_limit: Some(15),
        cooldown_days: Some(7),
        hidden_fields: vec!["phone".into(), "email".into()],
        ..Pool::default()
    }
}

fn north() -> Pool {
    Pool {
        display_name: "North".into(),
        administrators: vec![NORA.into()],
        members: Some(PoolMembers {
            departments: vec![PoolDepartment {
                department_id: "north".into(),
                include_sub_departments: true,
            }],
            ..PoolMembers::default()
        }),
        claim_limit: Some(12),
        cooldown_days: Some(30),
        ..Pool::default()
    }
}

fn key() -> Pool {
    Pool {
        display_name: "Key accounts".into(),
        administrators: vec![ADMIN.into()],
        members: Some(PoolMembers {
            roles: vec![KEY_ROLE.into()],
            ..PoolMembers::default()
        }),
        claim_mode: ClaimMode::AdminsAssign.into(),
        members_may_return: Some(false),
        ..Pool::default()
    }
}

async fn pool(admin: &Client, pool: Pool) -> Result<String, Refused> {
    let request = CreatePoolRequest {
        pool: Some(pool),
        ..CreatePoolRequest::default()
    };
    let made = admin
        .pools()
        .create_pool(request)
        .await
        .map_err(|status| Refused::from(&status))?;
    Ok(made.into_inner().pool.unwrap_or_default().id)
}

async fn rule(admin: &Client, pool: &str, terms: impl FnOnce(&mut ReclaimRule)) -> Result<(), Refused> {
    let mut rule = ReclaimRule {
        pool_id: pool.into(),
        // What is due goes back when everybody is at work.
        cutoff: "09:00".into(),
        ..ReclaimRule::default()
    };
    terms(&mut rule);
    let request = CreateReclaimRuleRequest {
        reclaim_rule: Some(rule),
        ..CreateReclaimRuleRequest::default()
    };
    let made = admin.rules().create_reclaim_rule(request).await;
    made.map(drop).map_err(|status| Refused::from(&status))
}

fn remind(days_before: i32, recipients: &[ReminderRecipient]) -> AdvanceReminder {
    AdvanceReminder {
        days_before,
        recipients: recipients.iter().map(|recipient| (*recipient).into()).collect(),
    }
}

async fn limit(admin: &Client) -> Result<(), Refused> {
    let limit = RetentionLimit {
        display_name: "Department south".into(),
        subjects: Some(RetentionLimitSubjects {
            departments: vec![RetentionLimitDepartment {
                department_id: "south".into(),
                include_sub_departments: true,
            }],
            ..RetentionLimitSubjects::default()
        }),
        limit: Some(30),
        ..RetentionLimit::default()
    };
    let request = CreateRetentionLimitRequest {
        retention_limit: Some(limit),
        ..CreateRetentionLimitRequest::default()
    };
    let made = admin.limits().create_retention_limit(request).await;
    made.map(drop).map_err(|status| Refused::from(&status))
}
