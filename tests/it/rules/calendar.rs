//! The tenant's working days, for rules that count those only; and the settings that retention runs on.

use super::{create, exact, update};
use crate::{
    build::{fields, get_tenant, update_tenant},
    harness::Server,
    world::World,
};
use chrono::TimeDelta;
use tidepool::rpc::proto::{DayCounting, ReclaimRule, Tenant, TenantSettings, Weekday, WorkCalendar};

/// China's autumn of the worked example: the first week of October is off, Saturday the 10th makes up for it.
fn october() -> WorkCalendar {
    use Weekday::{Friday, Monday, Thursday, Tuesday, Wednesday};
    WorkCalendar {
        weekdays: [Monday, Tuesday, Wednesday, Thursday, Friday].map(Into::into).into(),
        holidays: (1..=7).map(|day| format!("2026-10-0{day}")).collect(),
        extra_work_days: vec!["2026-10-10".into()],
    }
}

fn settings(calendar: WorkCalendar) -> TenantSettings {
    TenantSettings {
        work_calendar: Some(calendar),
        ..TenantSettings::default()
    }
}

const CALENDAR: &str = "settings.work_calendar";

fn working(rule: ReclaimRule) -> ReclaimRule {
    ReclaimRule {
        day_counting: DayCounting::Business.into(),
        ..rule
    }
}

/// T70, X10: five working days from Wednesday, 30 September, 16:00 are over on Tuesday, 13 October; a calendar that changes
/// moves deadlines.
#[tokio::test]
async fn working_days_are_those_of_the_tenants_calendar() {
    let world = World::start().await;
    let admin = world.server.admin();
    world.settings(settings(october()), &[CALENDAR]).await;
    world.go_to("2026-09-30 16:00");
    let (none, first) = world.claimed("NONE").await;
    let (nine, second) = world.claimed("09:00").await;
    let (calendar, third) = world.claimed("calendar").await;
    create(&admin, working(exact(&first, 5)), Some(true)).await.unwrap();
    let at_nine = ReclaimRule {
        cutoff: "09:00".into(),
        ..working(exact(&second, 5))
    };
    create(&admin, at_nine, Some(true)).await.unwrap();
    let all_days = create(&admin, exact(&third, 5), Some(true)).await.unwrap();
    world.sweep().await;
    assert_eq!(world.deadline(&none).await, "2026-10-13 16:00");
    assert_eq!(world.deadline(&nine).await, "2026-10-14 09:00");
    assert_eq!(world.deadline(&calendar).await, "2026-10-05 16:00");

    // R139: how days count is a matter of clocks.
    let business = working(ReclaimRule {
        id: all_days.id,
        ..ReclaimRule::default()
    });
    update(&admin, business, &["day_counting"], Some(true)).await.unwrap();
    let mut longer = october();
    longer.holidays.push("2026-10-13".into());
    world.settings(settings(longer), &[CALENDAR]).await;
    world.sweep().await;
    assert_eq!(world.deadline(&none).await, "2026-10-14 16:00");
    assert_eq!(world.deadline(&nine).await, "2026-10-15 09:00");
    assert_eq!(world.deadline(&calendar).await, "2026-10-14 16:00");
    world.stop().await;
}

/// X10 (3.11): what was due on a working day on which no worker ran is not taken on a day off, but on the next working day.
#[tokio::test]
async fn nothing_is_taken_on_a_day_off() {
    let world = World::start().await;
    let admin = world.server.admin();
    world.settings(settings(october()), &[CALENDAR]).await;
    world.go_to("2026-09-30 16:00");
    let (id, first) = world.claimed("Business").await;
    let (other, second) = world.claimed("Calendar").await;
    create(&admin, working(exact(&first, 5)), Some(true)).await.unwrap();
    create(&admin, exact(&second, 17), Some(true)).await.unwrap();
    world.sweep().await;
    // Saturday: due since Tuesday, and nobody is there.
    world.go_to("2026-10-17 16:00");
    assert_eq!(world.sweep().await.reclaimed, 1);
    assert_eq!(
        (world.ownership(&id).await.owner, world.ownership(&other).await.owner),
        ("bob".into(), String::new())
    );
    world.go_to("2026-10-19 00:00");
    world.server.clock.advance(TimeDelta::microseconds(-1));
    assert_eq!(world.sweep().await.reclaimed, 0);
    world.server.clock.advance(TimeDelta::microseconds(1));
    assert_eq!(world.sweep().await.reclaimed, 1);
    world.stop().await;
}

/// What a new tenant has, and what a reset goes back to.
#[tokio::test]
async fn settings_of_retention_have_their_defaults() {
    use Weekday::{Friday, Monday, Thursday, Tuesday, Wednesday};
    let server = Server::start().await;
    let admin = server.admin();
    let usual = TenantSettings {
        default_cutoff: "09:00".into(),
        reminder_time: "09:00".into(),
        work_calendar: Some(WorkCalendar {
            weekdays: [Monday, Tuesday, Wednesday, Thursday, Friday].map(Into::into).into(),
            ..WorkCalendar::default()
        }),
        max_extension_days: Some(30),
        max_locks_per_user: Some(10),
        breaker_percent: Some(20),
        breaker_accounts: Some(1000),
        create_permission: tidepool::rpc::proto::CreatePermission::AnyUser.into(),
        related_object_visibility: tidepool::rpc::proto::RelatedObjectVisibility::OwnersOnly.into(),
        contacts_follow_owner: Some(true),
        ..TenantSettings::default()
    };
    // The harness lets sweeps take whatever is due.
    let started = TenantSettings {
        breaker_percent: Some(100),
        breaker_accounts: Some(1_000_000),
        ..usual.clone()
    };
    assert_eq!(get_tenant(&admin).await.unwrap().settings.unwrap(), started);
    let mut calendar = october();
    calendar.weekdays.push(Weekday::Sunday.into());
    let wanted = Tenant {
        display_name: "Acme".into(),
        time_zone: "Asia/Shanghai".into(),
        settings: Some(TenantSettings {
            default_cutoff: "NONE".into(),
            reminder_time: "18:45".into(),
            work_calendar: Some(calendar),
            max_extension_days: Some(0),
            max_locks_per_user: Some(0),
            required_sources: vec!["orders".into(), "crm".into()],
            breaker_percent: Some(100),
            breaker_accounts: Some(1),
            ..usual.clone()
        }),
        ..Tenant::default()
    };
    let changed = update_tenant(&admin, wanted.clone(), &["*"]).await.unwrap();
    assert_eq!(changed.settings, wanted.settings);
    let reset = Tenant {
        settings: None,
        ..wanted
    };
    assert_eq!(
        update_tenant(&admin, reset, &["*"]).await.unwrap().settings.unwrap(),
        usual
    );
    server.stop().await;
}

/// D54: everything that is wrong with them is named at once.
#[tokio::test]
async fn wrong_settings_of_retention_are_named_at_once() {
    let server = Server::start().await;
    let admin = server.admin();
    let update = |settings: TenantSettings, path: &'static str| {
        let tenant = Tenant {
            settings: Some(settings),
            ..Tenant::default()
        };
        let admin = admin.clone();
        async move { fields(update_tenant(&admin, tenant, &[path]).await) }
    };
    let unreadable = TenantSettings {
        default_cutoff: "24:00".into(),
        reminder_time: "NONE".into(),
        work_calendar: Some(WorkCalendar {
            weekdays: vec![0, 9],
            ..WorkCalendar::default()
        }),
        required_sources: vec!["a b".into()],
        ..TenantSettings::default()
    };
    let named = [
        "tenant.settings.default_cutoff",
        "tenant.settings.reminder_time",
        "tenant.settings.work_calendar.weekdays[0]",
        "tenant.settings.work_calendar.weekdays[1]",
        "tenant.settings.required_sources[0]",
    ];
    assert_eq!(update(unreadable, "settings.reminder_time").await, named);
    let dates = WorkCalendar {
        weekdays: vec![Weekday::Monday.into()],
        holidays: vec!["2026-02-30".into(), "2026-1-1".into()],
        extra_work_days: vec!["2026-01-02".into(), "2026-01-02".into()],
    };
    let named = [
        "tenant.settings.work_calendar.holidays[0]",
        "tenant.settings.work_calendar.holidays[1]",
        "tenant.settings.work_calendar.extra_work_days[1]",
    ];
    assert_eq!(update(settings(dates), CALENDAR).await, named);
    let empty = settings(WorkCalendar {
        holidays: vec!["2026-01-01".into()],
        extra_work_days: vec!["2026-01-01".into()],
        ..WorkCalendar::default()
    });
    let named = [
        "tenant.settings.work_calendar.weekdays",
        "tenant.settings.work_calendar.extra_work_days",
    ];
    assert_eq!(update(empty, CALENDAR).await, named);
    let numbers = TenantSettings {
        max_extension_days: Some(10_000),
        max_locks_per_user: Some(-1),
        breaker_percent: Some(0),
        breaker_accounts: Some(0),
        required_sources: vec!["crm".into(), "crm".into()],
        ..TenantSettings::default()
    };
    let tenant = Tenant {
        display_name: "Acme".into(),
        time_zone: "UTC".into(),
        settings: Some(numbers),
        ..Tenant::default()
    };
    let named = [
        "tenant.settings.max_extension_days",
        "tenant.settings.max_locks_per_user",
        "tenant.settings.breaker_percent",
        "tenant.settings.breaker_accounts",
        "tenant.settings.required_sources[1]",
    ];
    assert_eq!(fields(update_tenant(&admin, tenant, &["*"]).await), named);
    server.stop().await;
}
