//! What activities mean by the tenant's rules: read, changed, refused, and what a change counts for.

use super::{time, told};
use crate::{
    build::mask,
    harness::Refused,
    world::{World, claim, open_pool},
};
use chrono::TimeDelta;
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{
        self, Activity, ActivityActors, ActivityDeal, ActivityKind, ActivityRules, DealStatus, RecordOutcome,
    },
};
use tonic::{Code, Status};

impl World {
    /// Changes the rules as a service that administers the tenant.
    pub(crate) async fn activity_rules(&self, rules: ActivityRules, fields: &[&str]) -> Result<ActivityRules, Status> {
        let request = proto::UpdateActivityRulesRequest {
            activity_rules: Some(rules),
            update_mask: mask(fields),
            ..Default::default()
        };
        let answer = self
            .server
            .admin()
            .activity_rules()
            .update_activity_rules(request)
            .await?;
        Ok(answer.into_inner().activity_rules.unwrap())
    }

    async fn rules_now(&self, user: &str) -> ActivityRules {
        let request = proto::GetActivityRulesRequest {};
        let answer = self.user(user).activity_rules().get_activity_rules(request).await;
        answer.unwrap().into_inner().activity_rules.unwrap()
    }

    /// Makes one kind close deals.
    pub(crate) async fn close_by(&self, kind: &str) {
        let rules = ActivityRules {
            close_kinds: vec![kind.into()],
            ..Default::default()
        };
        self.activity_rules(rules, &["close_kinds"]).await.unwrap();
    }

    async fn activity_kinds(&self) -> Vec<ActivityKind> {
        let (mut kinds, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = proto::ListActivityKindsRequest {
                page_size: 7,
                page_token,
            };
            let page = self.user("dan").activity_rules().list_activity_kinds(request).await;
            let page = page.unwrap().into_inner();
            kinds.extend(page.activity_kinds);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return kinds;
            }
        }
    }

    async fn new_kind(&self, kind: ActivityKind) -> ActivityKind {
        let request = proto::CreateActivityKindRequest {
            activity_kind: Some(kind),
            ..Default::default()
        };
        let made = self.server.admin().activity_rules().create_activity_kind(request).await;
        made.unwrap().into_inner().activity_kind.unwrap()
    }

    async fn owned(&self, name: &str) -> String {
        let pool = self.pool(open_pool(name)).await;
        let id = self.lying(name, &pool).await;
        self.user("bob").circulation().claim_account(claim(&id)).await.unwrap();
        id
    }

    async fn won(&self, id: &str) -> i64 {
        self.account(id).await.deals.unwrap().won_count
    }
}

fn of(object: &str, activity: Activity) -> Activity {
    Activity {
        object_id: object.into(),
        ..activity
    }
}

/// R172, R173: follow-ups are several kinds, and exactly one kind closes deals. CRM admins say so, everybody reads it.
#[tokio::test]
async fn rules_are_read_and_changed() {
    let world = World::start().await;
    let rules = world.rules_now("dan").await;
    assert_eq!(
        rules.follow_up_kinds,
        ["sales_record.created", "opportunity.created", "sales_order.created"]
    );
    assert_eq!(
        (rules.close_kinds, rules.update_time),
        (vec!["opportunity.won".to_owned()], None)
    );
    let wanted = |kinds: &[&str]| ActivityRules {
        close_kinds: kinds.iter().map(ToString::to_string).collect(),
        ..Default::default()
    };
    for kinds in [&[][..], &["opportunity.won", "sales_order.confirmed"]] {
        let refused = world.activity_rules(wanted(kinds), &["close_kinds"]).await;
        let details = refused.refused(Code::InvalidArgument, Reason::ExactlyOneCloseAction);
        let violations = &details.bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, "activity_rules.close_kinds");
    }
    let refused = world.activity_rules(wanted(&["call.made"]), &["close_kinds"]).await;
    refused.refused(Code::InvalidArgument, Reason::ActivityKindNotSelectable);

    let request = |validate_only, etag: &str| proto::UpdateActivityRulesRequest {
        activity_rules: Some(ActivityRules {
            follow_up_kinds: vec!["call.made".into()],
            follow_ups_by: ActivityActors::Team.into(),
            etag: etag.into(),
            ..Default::default()
        }),
        update_mask: mask(&["follow_up_kinds", "follow_ups_by"]),
        validate_only,
        request_id: String::new(),
    };
    let by_bob = world
        .user("bob")
        .activity_rules()
        .update_activity_rules(request(false, ""))
        .await;
    by_bob.refused(Code::PermissionDenied, Reason::NotAuthorized);
    let mut admin = world.user("root").activity_rules();
    let looked = admin
        .update_activity_rules(request(true, &rules.etag))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(looked.activity_rules.unwrap().follow_up_kinds, ["call.made"]);
    assert_eq!(world.rules_now("dan").await.follow_up_kinds.len(), 3, "only looked at");
    let first = admin
        .update_activity_rules(request(false, &rules.etag))
        .await
        .unwrap()
        .into_inner();
    let first = first.activity_rules.unwrap();
    assert!(first.update_time.is_some());
    assert_eq!(world.rules_now("dan").await, first);
    let stale = admin.update_activity_rules(request(false, &rules.etag)).await;
    stale.refused(Code::Aborted, Reason::EtagMismatch);
    let same = admin
        .update_activity_rules(request(false, &first.etag))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        same.activity_rules.unwrap(),
        first,
        "what changes nothing writes nothing"
    );
    world.close_by("sales_order.confirmed").await;
    let request = proto::ListConfigEventsRequest {
        resource_type: "activity_rules".into(),
        ..Default::default()
    };
    let events = world
        .server
        .admin()
        .tenants()
        .list_config_events(request)
        .await
        .unwrap();
    let events = events.into_inner().config_events;
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].changes[0].field, "close_kinds");
    world.stop().await;
}

/// R173-R175, D39, R030, R031: another kind closes deals from then on and is a follow-up; what was counted stays; a won opportunity
/// is still a follow-up, and takes part in deals no more.
#[tokio::test]
async fn a_change_counts_from_then_on() {
    let world = World::start().await;
    let id = world.owned("Acme").await;
    let now = world.server.clock.now();
    world.server.clock.advance(TimeDelta::days(1));
    let tell = async |event: &str, object: &str, kind: &str, minute: i64| {
        let activity = of(object, told(event, &id, kind, now + TimeDelta::minutes(minute)));
        assert_eq!(
            world.tell("crm", vec![activity]).await,
            [Ok(RecordOutcome::Recorded)],
            "{event}"
        );
        let account = world.account(&id).await;
        let deals = account.deals.unwrap();
        (deals.won_count, deals.status(), account.last_follow_up_time)
    };
    let minute = |minute: i64| time(now + TimeDelta::minutes(minute));
    let (open, won, again) = (DealStatus::Open, DealStatus::Won, DealStatus::RepeatedlyWon);
    assert_eq!(tell("e1", "s1", "sales_order.confirmed", 0).await, (0, open, None));
    assert_eq!(tell("e2", "o1", "opportunity.won", 1).await, (1, won, minute(1)));
    world.close_by("sales_order.confirmed").await;
    assert_eq!(world.won(&id).await, 1, "what was counted stays");
    assert_eq!(
        tell("e3", "s2", "sales_order.confirmed", 2).await,
        (2, again, minute(2))
    );
    assert_eq!(tell("e4", "o2", "opportunity.won", 3).await, (2, again, minute(3)));
    assert_eq!(tell("e5", "o1", "opportunity.reopened", 4).await, (2, again, minute(3)));
    for (event, kind) in [("e6", "withdrawn"), ("e7", "rejected"), ("e8", "canceled")] {
        let at = 5 + i64::try_from(event.len()).unwrap();
        let taken = tell(event, "s2", &format!("sales_order.{kind}"), at).await;
        assert_eq!(taken, (1, won, minute(3)), "{kind}");
    }
    world.stop().await;
}

/// R032, R176, D40: a lost opportunity is kept and changes nothing; so is all that is told of a canceled account; of one that
/// nobody owns dates and deals are kept, and no clock starts.
#[tokio::test]
async fn what_has_no_effect_is_kept() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let lying = world.lying("Lying", &pool).await;
    let now = world.server.clock.now();
    let lost = told("e1", &lying, "opportunity.lost", now);
    assert_eq!(world.tell("crm", vec![lost]).await, [Ok(RecordOutcome::Recorded)]);
    let account = world.account(&lying).await;
    let deals = account.deals.unwrap();
    assert_eq!(
        (deals.won_count, deals.status(), account.last_follow_up_time),
        (0, DealStatus::Open, None)
    );

    let won = told("e2", &lying, "opportunity.won", now + TimeDelta::minutes(1));
    world.tell("crm", vec![won]).await;
    assert_eq!(world.won(&lying).await, 1);
    let deals = world.account(&lying).await.deals.unwrap();
    assert_eq!(deals.last_won_time, time(now + TimeDelta::minutes(1)));
    assert_eq!(world.ownership(&lying).await.reclaim_time, None);

    let request = proto::CancelAccountRequest {
        account_id: lying.clone(),
        ..Default::default()
    };
    world.server.admin().accounts().cancel_account(request).await.unwrap();
    let before = world.account(&lying).await;
    let more = told("e3", &lying, "opportunity.reopened", now + TimeDelta::minutes(2));
    assert_eq!(world.tell("crm", vec![more]).await, [Ok(RecordOutcome::Recorded)]);
    assert_eq!(world.account(&lying).await, before);
    world.stop().await;
}

/// D36, D37: whose follow-ups and deals count: everybody's, the team's, the owner's; a system's in any case.
#[tokio::test]
async fn who_counts_can_be_narrowed() {
    let world = World::start().await;
    let id = world.owned("Acme").await;
    let request = proto::PutTeamMemberRequest {
        account_id: id.clone(),
        team_member: Some(proto::TeamMember {
            user_id: "cid".into(),
            role: proto::TeamRole::JointFollowUp.into(),
            access: proto::TeamAccess::Read.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    world.user("bob").teams().put_team_member(request).await.unwrap();
    let start = world.server.clock.now();
    let mut at = 0;
    for (actors, counting) in [
        (ActivityActors::Anyone, &["dan", "cid", "bob", ""][..]),
        (ActivityActors::Team, &["cid", "bob", ""]),
        (ActivityActors::Owner, &["bob", ""]),
    ] {
        let rules = ActivityRules {
            follow_ups_by: actors.into(),
            closes_by: actors.into(),
            ..Default::default()
        };
        world
            .activity_rules(rules, &["follow_ups_by", "closes_by"])
            .await
            .unwrap();
        for actor in ["dan", "cid", "bob", ""] {
            at += 1;
            let now = start + TimeDelta::seconds(at);
            let by = |event: &str, kind: &str| Activity {
                actor: actor.into(),
                ..of(&format!("x{at}"), told(&format!("{event}{at}"), &id, kind, now))
            };
            let before = world.won(&id).await;
            world
                .tell("crm", vec![by("a", "sales_record.created"), by("b", "opportunity.won")])
                .await;
            let counts = counting.contains(&actor);
            let followed = world.account(&id).await.last_follow_up_time == time(now);
            let won = world.won(&id).await - before;
            assert_eq!((followed, won), (counts, i64::from(counts)), "{actors:?} {actor:?}");
        }
    }
    world.stop().await;
}

/// D38, R172: a user's edit is a follow-up where the tenant wants it, and moves the deadline; what a service does for nobody
/// never is.
#[tokio::test]
async fn edits_can_be_follow_ups() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.rule(crate::sweeping::follow_up(&pool, 7)).await;
    let id = world.create("Acme", &pool, "bob").await.id;
    let edit = async |client: crate::harness::Client, remark: &str| {
        world.server.clock.advance(TimeDelta::hours(1));
        let request = proto::UpdateAccountRequest {
            account: Some(proto::Account {
                id: id.clone(),
                remark: remark.into(),
                ..Default::default()
            }),
            update_mask: mask(&["remark"]),
            ..Default::default()
        };
        client.accounts().update_account(request).await.unwrap();
        (
            world.account(&id).await.last_follow_up_time,
            world.ownership(&id).await.reclaim_time,
        )
    };
    let due = world.ownership(&id).await.reclaim_time;
    assert_eq!(
        edit(world.user("bob"), "one").await,
        (None, due),
        "off unless it is chosen"
    );
    let rules = ActivityRules {
        follow_up_kinds: vec!["account.updated".into()],
        ..Default::default()
    };
    world.activity_rules(rules, &["follow_up_kinds"]).await.unwrap();
    assert_eq!(edit(world.server.admin(), "two").await, (None, due), "a system's edit");
    let (followed, moved) = edit(world.user("bob"), "three").await;
    let now = world.server.clock.now();
    assert_eq!((followed, moved), (time(now), time(now + TimeDelta::days(7))));
    assert_eq!(
        edit(world.user("bob"), "three").await,
        (followed, moved),
        "nothing was edited"
    );
    world.stop().await;
}

/// R173: kinds of a tenant's own can be chosen; what rules name cannot go. A kind that nobody defined is kept and shown and
/// means nothing.
#[tokio::test]
async fn tenants_define_kinds() {
    let world = World::start().await;
    let id = world.owned("Acme").await;
    let own = |name: &str, reverses: &[&str]| ActivityKind {
        name: name.into(),
        display_name: "Lease".into(),
        follow_up_selectable: reverses.is_empty(),
        close_selectable: reverses.is_empty(),
        reverses: reverses.iter().map(ToString::to_string).collect(),
        ..Default::default()
    };
    let signed = world.new_kind(own("lease.signed", &[])).await;
    let broken = world.new_kind(own("lease.broken", &["lease.signed"])).await;
    assert_eq!((signed.follow_up, signed.deal()), (false, ActivityDeal::Unspecified));
    let before = world.activity_kinds().await;
    assert!(before.is_sorted_by_key(|kind| kind.name.clone()));
    let named = |kinds: &[ActivityKind], name: &str| kinds.iter().find(|kind| kind.name == name).cloned().unwrap();
    assert_eq!(named(&before, "lease.signed"), signed);
    assert_eq!(named(&before, "opportunity.won").deal(), ActivityDeal::Closed);
    assert!(named(&before, "opportunity.won").always_follow_up);
    assert!(named(&before, "sales_order.confirmed").counts_in_total);
    let again = proto::CreateActivityKindRequest {
        activity_kind: Some(own("lease.signed", &[])),
        ..Default::default()
    };
    let mut admin = world.server.admin().activity_rules();
    admin
        .create_activity_kind(again)
        .await
        .refused(Code::AlreadyExists, Reason::AlreadyExists);

    world.close_by("lease.signed").await;
    let after = world.activity_kinds().await;
    assert_eq!(named(&after, "lease.signed").deal(), ActivityDeal::Closed);
    assert_eq!(named(&after, "lease.broken").deal(), ActivityDeal::Reversed);
    let now = world.server.clock.now();
    let unknown = told("e0", &id, "nobody.knows", now);
    assert_eq!(world.tell("crm", vec![unknown]).await, [Ok(RecordOutcome::Recorded)]);
    assert_eq!(world.account(&id).await.last_follow_up_time, None);
    world.tell("crm", vec![told("e1", &id, "lease.signed", now)]).await;
    assert_eq!(world.won(&id).await, 1);
    let nameless = Activity {
        object_id: String::new(),
        ..told("e2", &id, "lease.broken", now)
    };
    assert_eq!(
        world.tell("crm", vec![nameless]).await,
        [Err("INVALID_ARGUMENT".to_owned())]
    );
    world.tell("crm", vec![told("e3", &id, "lease.broken", now)]).await;
    assert_eq!(world.won(&id).await, 0);

    let delete = |kind: &ActivityKind| proto::DeleteActivityKindRequest {
        activity_kind_id: kind.id.clone(),
        ..Default::default()
    };
    let refused = admin.delete_activity_kind(delete(&signed)).await;
    refused.refused(Code::FailedPrecondition, Reason::ActivityKindReferenced);
    let unselectable = proto::UpdateActivityKindRequest {
        activity_kind: Some(ActivityKind {
            close_selectable: false,
            ..signed.clone()
        }),
        update_mask: mask(&["close_selectable"]),
        ..Default::default()
    };
    let refused = admin.update_activity_kind(unselectable).await;
    refused.refused(Code::FailedPrecondition, Reason::ActivityKindReferenced);
    world.close_by("opportunity.won").await;
    admin.delete_activity_kind(delete(&broken)).await.unwrap();
    let pool = world.pool(open_pool("South")).await;
    let rule = proto::ReclaimRule {
        reclaim_kinds: vec!["lease.signed".into()],
        ..crate::sweeping::follow_up(&pool, 7)
    };
    world.rule(rule).await;
    let refused = admin.delete_activity_kind(delete(&signed)).await;
    refused.refused(Code::FailedPrecondition, Reason::ActivityKindReferenced);
    world.stop().await;
}
