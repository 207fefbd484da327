//! What the worker decides, to the microsecond, and what comes of it.

use super::*;
use crate::domain::{
    account::Account,
    change::{LastReclaim, TeamChange},
    configured::Configured,
    retention::{
        calendar::DayCounting,
        reminder_rule::{ReminderRule, ReminderTerms},
        rule::RuleHome,
        terms::{AdvanceReminder, ReclaimTerms},
        tests::pool_id,
    },
    stage::{Stage, TICK, day, follow_up, user},
};
use uuid::Uuid;

const GRACE: TimeDelta = TimeDelta::hours(2);
const RULE: Uuid = Uuid::from_u128(1);

fn decided(stage: &Stage, account: &Account, terms: Terms) -> Verdict {
    let service = stage.principal("service");
    decide(&stage.scene(&service), account, &[user("mem")], terms)
}

/// Without anything to wait for.
fn at_once(stage: &Stage, account: &Account) -> Verdict {
    decided(stage, account, Terms::at_once(TimeDelta::zero()))
}

fn reclaimed(verdict: Verdict) -> Change {
    match verdict {
        Verdict::Reclaim(change) => *change,
        other => panic!("not reclaimed: {other:?}"),
    }
}

fn reminded(verdict: Verdict) -> (Change, ReminderEffect) {
    let Verdict::Remind(change) = verdict else {
        panic!("nobody is reminded: {verdict:?}");
    };
    assert_eq!(change.event.kind, EventKind::Reminded);
    let reminder = change.event.effects.reminder.clone().unwrap();
    (*change, reminder)
}

fn replanned(verdict: Verdict) -> Change {
    let Verdict::Replan(change) = verdict else {
        panic!("not planned again: {verdict:?}");
    };
    assert_eq!(change.event.kind, EventKind::Replanned);
    *change
}

/// R133: an account is taken when its time and the grace are over, and not a microsecond sooner.
#[test]
fn it_is_taken_when_its_time_is_over() {
    let stage = Stage::new();
    let account = stage.owned();
    let with_grace = Terms::at_once(GRACE);
    for (now, wanted) in [
        (day(10), Verdict::Leave(Some(day(30)))),
        (day(30) - TICK, Verdict::Leave(Some(day(30)))),
        (day(30), Verdict::Held(Hold::Grace(day(30) + GRACE))),
        (day(30) + GRACE - TICK, Verdict::Held(Hold::Grace(day(30) + GRACE))),
    ] {
        let stage = Stage::new().at(now);
        assert_eq!(decided(&stage, &account, with_grace), wanted, "{now}");
    }
    let change = reclaimed(decided(&Stage::new().at(day(30) + GRACE), &account, with_grace));
    assert_eq!(change.event.kind, EventKind::Reclaimed);
    reclaimed(at_once(&Stage::new().at(day(30)), &account));
    // Whoever saw it last had a clock that was ahead.
    let later = Account {
        update_time: day(30),
        ..account
    };
    let change = reclaimed(at_once(&stage, &later));
    assert_eq!(change.after.update_time, day(30));
}

/// Nothing is taken from nobody.
#[test]
fn only_assigned_accounts_are_looked_at() {
    let stage = Stage::new().at(day(40));
    let service = stage.principal("service");
    for status in [Status::Unassigned, Status::Canceled, Status::Merged, Status::Deleted] {
        let account = Account {
            status,
            ..stage.owned()
        };
        assert_eq!(at_once(&stage, &account), Verdict::Leave(None), "{status:?}");
        assert_eq!(
            replan(&stage.scene(&service), &account),
            Verdict::Leave(None),
            "{status:?}"
        );
    }
    let without = Account {
        owner_since: None,
        ..stage.owned()
    };
    assert_eq!(at_once(&stage, &without), Verdict::Leave(None));
}

/// X14, X15: what keeps an account that is no matter of time; sources come first, since nobody can confirm what they say.
#[test]
fn sources_and_breakers_hold() {
    let terms = |watermark, stopped| Terms {
        grace: TimeDelta::zero(),
        watermark,
        stopped,
    };
    let account = Stage::new().owned();
    for (watermark, stopped, wanted) in [
        (None, false, None),
        (Some(day(30)), false, None),
        (Some(day(30) - TICK), false, Some(Hold::Source)),
        (None, true, Some(Hold::Breaker)),
        (Some(day(30)), true, Some(Hold::Breaker)),
        (Some(day(30) - TICK), true, Some(Hold::Source)),
    ] {
        let terms = terms(watermark, stopped);
        assert_eq!(terms.hold(day(30)), wanted, "{terms:?}");
        let verdict = decided(&Stage::new().at(day(31)), &account, terms);
        match wanted {
            Some(hold) => assert_eq!(verdict, Verdict::Held(hold), "{terms:?}"),
            None => drop(reclaimed(verdict)),
        }
    }
    let times = [Hold::Grace(day(1)), Hold::Hours(day(2)), Hold::Source, Hold::Breaker];
    assert_eq!(times.map(Hold::until), [Some(day(1)), Some(day(2)), None, None]);
}

/// R130: a rule that counts working days takes nothing while nobody works: from Saturday's first moment on, it waits for Monday's.
#[test]
fn nothing_is_taken_while_nobody_works() {
    let business = ReclaimTerms {
        day_counting: DayCounting::Business,
        ..follow_up(30)
    };
    let stage = Stage::new().ruled(&business);
    let account = stage.owned();
    // Sunday, 1 March, is no working day: the first of thirty is Monday, the last one Friday, 10 April.
    let deadline = account.clock.reclaim_time.unwrap();
    let saturday = day(41) - TimeDelta::hours(10);
    let monday = saturday + TimeDelta::days(2);
    assert!(deadline <= saturday - TICK, "{deadline}");
    let at = |now| at_once(&Stage::new().ruled(&business).at(now), &account);
    reclaimed(at(saturday - TICK));
    assert_eq!(at(saturday), Verdict::Held(Hold::Hours(monday)));
    assert_eq!(at(monday - TICK), Verdict::Held(Hold::Hours(monday)));
    reclaimed(at(monday));
    // A calendar's days are those of the rule only if it says so.
    reclaimed(at_once(&Stage::new().at(saturday), &Stage::new().owned()));
}

/// R145: a rule that changed is obeyed, and whoever loses the account sooner than he thought is told of it.
#[test]
fn a_changed_rule_is_planned_again() {
    let account = Stage::new().owned();
    let sooner = Stage::new().ruled(&follow_up(5));
    let notice = day(11);
    for change in [
        replanned(at_once(&sooner, &account)),
        replanned(replan(&sooner.scene(&sooner.principal("service")), &account)),
    ] {
        let clock = &change.after.clock;
        assert_eq!((clock.reclaim_time, clock.notice_floor), (Some(notice), Some(notice)));
        assert_eq!(change.after.version, account.version + 1);
        let told = ReminderEffect {
            kind: "DEADLINE_MOVED",
            rule_id: Some(RULE),
            days_before: None,
            deadline: Some(notice.timestamp_micros()),
            recipients: vec![user("ann")],
        };
        assert_eq!(change.event.effects.reminder, Some(told));
    }
    // He gets more time, and needs no notice.
    let later = Stage::new().ruled(&follow_up(60));
    for change in [
        replanned(at_once(&later, &account)),
        replanned(replan(&later.scene(&later.principal("service")), &account)),
    ] {
        assert_eq!(change.after.clock.reclaim_time, Some(day(60)));
        assert_eq!(change.event.effects.reminder, None);
    }
    let same = Stage::new();
    let unchanged = replan(&same.scene(&same.principal("service")), &account);
    assert_eq!(unchanged, Verdict::Leave(Some(day(30))));
}

/// Whatever people see of the clock is put right; that something else was planned is nothing to tell of.
#[test]
fn what_people_see_of_the_clock_is_put_right() {
    let stage = Stage::new();
    let account = stage.owned();
    let planned = account.clock.clone();
    let mut clocks = vec![planned.clone(); 3];
    clocks[0].anchor_time = Some(day(-1));
    clocks[1].reclaim_time = Some(day(29));
    clocks[2].rule_id = None;
    for clock in clocks {
        let stale = Account {
            clock,
            ..account.clone()
        };
        let change = replanned(at_once(&stage, &stale));
        assert_eq!(change.after.clock, planned);
    }
    let mut unseen = account.clone();
    unseen.clock.wake_time = Some(day(3));
    unseen.clock.planned_revision = 99;
    assert_eq!(at_once(&stage, &unseen), Verdict::Leave(Some(day(30))));
}

/// What is due by a clock that is put right is taken, or, if something holds it, put right first.
#[test]
fn what_is_due_by_another_clock() {
    let mut account = Stage::new().owned();
    account.clock.anchor_time = Some(day(-1));
    let stage = Stage::new().at(day(30));
    reclaimed(at_once(&stage, &account));
    let change = replanned(decided(&stage, &account, Terms::at_once(GRACE)));
    assert_eq!(change.after.clock.anchor_time, Some(day(0)));
    assert_eq!(change.event.effects.reminder, None);
}

/// X20: what is overdue while a pause runs waits for its end.
#[test]
fn a_pause_puts_off_what_is_overdue() {
    let mut stage = Stage::new().at(day(32));
    let account = stage.owned();
    let pause = Stage::pause(day(31), Some(day(40)));
    stage.shop.rows.pauses = vec![Configured::new(Uuid::from_u128(1), pause, DateTime::UNIX_EPOCH)];
    stage.shop = stage.shop.compiled();
    let change = replanned(at_once(&stage, &account));
    assert_eq!(change.after.clock.reclaim_time, Some(day(40)));
}

/// R187, R189: each advance reminder goes once to those it is for, when it is due.
#[test]
fn advance_reminders_go_out() {
    let reminder = |days_before, recipients: &[Recipient]| AdvanceReminder {
        days_before,
        recipients: recipients.to_vec(),
    };
    let terms = ReclaimTerms {
        reminders: vec![
            reminder(5, &[Recipient::Owner, Recipient::Supervisor]),
            reminder(2, &[Recipient::Team, Recipient::PoolAdmins]),
        ],
        ..follow_up(30)
    };
    let mut account = Stage::new().ruled(&terms).owned();
    for (days_before, recipients) in [(5, ["ann", "sue"]), (2, ["mem", "adm"])] {
        let due = account.clock.wake_time.unwrap();
        assert!(due <= day(30 - i64::from(days_before)) && due > day(29 - i64::from(days_before)));
        let at = |now| at_once(&Stage::new().ruled(&terms).at(now), &account);
        assert_eq!(at(due - TICK), Verdict::Leave(Some(due)));
        let (change, told) = reminded(at(due));
        let wanted = ReminderEffect {
            kind: "DEADLINE",
            rule_id: Some(RULE),
            days_before: Some(days_before),
            deadline: Some(day(30).timestamp_micros()),
            recipients: recipients.map(user).to_vec(),
        };
        assert_eq!(told, wanted);
        let sent = Reminded {
            deadline: day(30),
            days_before,
        };
        assert_eq!(change.after.clock.tenure.reminded, Some(sent));
        assert_eq!(change.after.clock.reclaim_time, Some(day(30)));
        account = change.after;
    }
    assert_eq!(account.clock.wake_time, Some(day(30)));
}

/// R188: whoever does nothing with an account is reminded by a rule of its own, and of rules that are gone nothing is kept.
#[test]
fn reminders_that_nothing_happens_go_out() {
    let mut stage = Stage::new();
    let rule = ReminderRule {
        home: RuleHome::Pool(pool_id(1)),
        include_sub_departments: false,
        enabled: true,
        terms: ReminderTerms {
            idle_days: 7,
            recipients: vec![Recipient::Supervisor],
            ..ReminderTerms::default()
        },
    };
    let idle = Uuid::from_u128(5);
    stage.shop.rows.reminder_rules = vec![Configured::new(idle, rule, DateTime::UNIX_EPOCH)];
    stage.shop = stage.shop.compiled();
    let mut account = stage.owned();
    let due = account.clock.wake_time.unwrap();
    assert!(due >= day(7) - TimeDelta::days(1) && due < day(9), "{due}");
    account.clock.tenure.nudged.insert(Uuid::from_u128(6), day(1));
    stage.now = due - TICK;
    assert_eq!(at_once(&stage, &account), Verdict::Leave(Some(due)));
    stage.now = due;
    let (change, told) = reminded(at_once(&stage, &account));
    let wanted = ReminderEffect {
        kind: "IDLE",
        rule_id: Some(idle),
        days_before: None,
        deadline: Some(day(30).timestamp_micros()),
        recipients: vec![user("sue")],
    };
    assert_eq!(told, wanted);
    assert_eq!(change.after.clock.tenure.nudged, [(idle, due)].into());
    assert_eq!(at_once(&stage, &change.after), Verdict::Leave(Some(day(30))));
}

/// Everybody is reminded once, in the order in which they are named; those who left are not.
#[test]
fn people_are_each_reminded_once() {
    let stage = Stage::new();
    let org = &stage.shop.org;
    let account = stage.owned();
    let said = |account: &Account, recipients: &[Recipient], team: &[&str]| {
        let team: Vec<_> = team.iter().map(|id| user(id)).collect();
        let people = people(org, account, recipients, &team);
        people.iter().map(|user| user.as_str().to_owned()).collect::<Vec<_>>()
    };
    let all = [
        Recipient::Team,
        Recipient::PoolAdmins,
        Recipient::Supervisor,
        Recipient::Owner,
    ];
    assert_eq!(
        said(&account, &all, &["mem", "adm", "old", "ann", "nobody"]),
        ["mem", "adm", "ann", "sue"]
    );
    assert_eq!(said(&account, &[], &["mem"]), [""; 0]);
    let outside = Account {
        pool_id: None,
        owner: Some(user("top")),
        ..account
    };
    assert_eq!(said(&outside, &all, &[]), ["top"]);
}

/// R135, D53: into which pool it goes, and what is written of the tenure that ends.
#[test]
fn a_reclaim_ends_the_tenure_and_names_its_pool() {
    for (target, pool, enters) in [
        (None, 1, None),
        (Some(1), 1, None),
        (Some(2), 2, Some(2)),
        // Out of use, and gone.
        (Some(3), 1, None),
        (Some(9), 1, None),
    ] {
        let terms = ReclaimTerms {
            target_pool_id: target.map(pool_id),
            ..follow_up(30)
        };
        let stage = Stage::new().ruled(&terms).at(day(31));
        let account = stage.owned();
        let change = reclaimed(at_once(&stage, &account));
        let after = &change.after;
        assert_eq!(
            (after.pool_id, change.enters),
            (Some(pool_id(pool)), enters.map(pool_id))
        );
        assert_eq!((after.status, &after.owner), (Status::Unassigned, &None));
        assert_eq!(after.last_owner, Some(user("ann")));
        assert_eq!(after.memory.reclaimed.as_ref().unwrap().pool_id, Some(pool_id(1)));
        assert_eq!(change.event.effects.end_cause, Some("AUTO_RECLAIMED"));
        let end = TenureEnd {
            user: user("ann"),
            cause: EndCause::AutoReclaimed,
            reason: None,
            note: String::new(),
            rule_id: Some(RULE),
            deadline: Some(day(30)),
            bans_claim: true,
        };
        assert_eq!(change.end, Some(end));
        assert_eq!(
            (&change.team, &change.last_reclaim),
            (&TeamChange::Keep, &LastReclaim::default())
        );
    }
    let mut stage = Stage::new().at(day(31));
    stage.shop.org.pools.values_mut().for_each(|pool| {
        std::sync::Arc::make_mut(pool).config.clear_team_on_owner_change = true;
    });
    let change = reclaimed(at_once(&stage, &stage.owned()));
    assert_eq!(change.team, TeamChange::Clear);
}
