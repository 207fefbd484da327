//! docs/events.md shows an event of each kind: those that really happen, in the form in which they are shown. After a
//! change of events run this with `TIDEPOOL_UPDATE_SNAPSHOTS=1`, and read what it wrote.

use super::kind;
use crate::{
    activities::told,
    build::mask,
    rules::{create, exact, update},
    world::{World, assign, claim, give_back, open_pool},
};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, Value};
use std::{collections::BTreeMap, fmt::Write, fs};
use tidepool::{
    domain::change::EventKind,
    rpc::proto::{
        self, Account, AdvanceReminder, DESCRIPTORS, Event, ReclaimRule, ReminderRecipient, TeamAccess, TeamMember,
        TeamRole,
    },
    worker,
};

impl World {
    fn pass(&self, time: TimeDelta) {
        self.server.clock.advance(time);
    }
}

/// Calls as this user, a minute after the call before.
macro_rules! call {
    ($world:ident, $who:literal, $service:ident.$method:ident($request:ident { $($field:ident: $value:expr),* $(,)? })) => {{
        $world.pass(TimeDelta::minutes(1));
        let request = proto::$request { $($field: $value,)* ..Default::default() };
        $world.user($who).$service().$method(request).await.unwrap().into_inner()
    }};
}

/// An account that a rule takes back, in error: reminded, replanned, reclaimed, disputed, undone.
async fn lose(world: &World, pool: &str) {
    let rule = ReclaimRule {
        reminders: vec![AdvanceReminder {
            days_before: 3,
            recipients: vec![ReminderRecipient::Owner.into()],
        }],
        ..exact(pool, 30)
    };
    let root = world.user("root");
    let rule = create(&root, rule, None).await.unwrap();
    let id = world.lying("Moss", pool).await;
    world.pass(TimeDelta::minutes(1));
    world.user("bob").circulation().claim_account(claim(&id)).await.unwrap();
    let longer = ReclaimRule {
        follow_up_days: Some(20),
        ..rule
    };
    update(&root, longer, &["follow_up_days"], Some(true)).await.unwrap();
    world.pass(TimeDelta::minutes(2));
    assert_eq!(world.sweep().await.replanned, 1);
    world.pass(TimeDelta::days(18));
    assert_eq!(world.sweep().await.reminded, 1);
    world.pass(TimeDelta::days(2));
    assert_eq!(world.sweep().await.reclaimed, 1);
    world.pass(TimeDelta::hours(2));
    let late = world.server.clock.now() - TimeDelta::hours(3);
    world
        .tell("crm", vec![told("late", &id, "sales_record.created", late)])
        .await;
    call!(
        world,
        "ann",
        exceptions.undo_reclaim(UndoReclaimRequest {
            account_id: id,
            note: "he had called them".into()
        })
    );
}

/// Everything that can be done with an account.
async fn do_it_all(world: &World, north: &str, south: &str) {
    world.pass(TimeDelta::minutes(1));
    let id = world.create("Acme", north, "").await.id;
    world.pass(TimeDelta::minutes(1));
    world.user("bob").circulation().claim_account(claim(&id)).await.unwrap();
    let account_id = || id.clone();
    let account = Account {
        id: account_id(),
        phone: "138-0001".into(),
        ..Account::default()
    };
    call!(
        world,
        "bob",
        accounts.update_account(UpdateAccountRequest {
            account: Some(account),
            update_mask: mask(&["phone"])
        })
    );
    let member = TeamMember {
        user_id: "cid".into(),
        role: TeamRole::JointFollowUp.into(),
        access: TeamAccess::Read.into(),
        ..TeamMember::default()
    };
    call!(
        world,
        "bob",
        teams.put_team_member(PutTeamMemberRequest {
            account_id: account_id(),
            team_member: Some(member)
        })
    );
    world.pass(TimeDelta::minutes(1));
    let now = world.server.clock.now();
    world
        .tell("crm", vec![told("e1", &id, "sales_record.created", now)])
        .await;
    call!(
        world,
        "ann",
        exceptions.extend_retention(ExtendRetentionRequest {
            account_id: account_id(),
            days: 7,
            reason: "they are on holiday".into()
        })
    );
    call!(
        world,
        "ann",
        exceptions.lock_account(LockAccountRequest {
            account_id: account_id(),
            expire_time: crate::activities::time(world.server.clock.now() + TimeDelta::days(5)),
            note: "a contract is being signed".into()
        })
    );
    call!(
        world,
        "ann",
        exceptions.unlock_account(UnlockAccountRequest {
            account_id: account_id()
        })
    );
    call!(
        world,
        "bob",
        circulation.change_account_owner(ChangeAccountOwnerRequest {
            account_id: account_id(),
            new_owner: "dan".into()
        })
    );
    call!(
        world,
        "ann",
        circulation.transfer_account(TransferAccountRequest {
            account_id: account_id(),
            target_pool_id: south.into()
        })
    );
    world.pass(TimeDelta::minutes(1));
    world
        .user("dan")
        .circulation()
        .return_account(give_back(&id))
        .await
        .unwrap();
    call!(
        world,
        "ann",
        exceptions.set_embargo(SetEmbargoRequest {
            account_id: account_id(),
            until: crate::activities::time(world.server.clock.now() + TimeDelta::days(5)),
            reason: "let it rest".into()
        })
    );
    call!(
        world,
        "ann",
        exceptions.clear_embargo(ClearEmbargoRequest {
            account_id: account_id()
        })
    );
    world.pass(TimeDelta::minutes(1));
    world
        .user("ann")
        .circulation()
        .assign_account(assign(&id, "bob"))
        .await
        .unwrap();
    call!(
        world,
        "ann",
        circulation.remove_account_from_pool(RemoveAccountFromPoolRequest {
            account_id: account_id()
        })
    );
    call!(
        world,
        "root",
        circulation.add_account_to_pool(AddAccountToPoolRequest {
            account_id: account_id(),
            target_pool_id: north.into()
        })
    );
    call!(
        world,
        "root",
        accounts.cancel_account(CancelAccountRequest {
            account_id: account_id()
        })
    );
    call!(
        world,
        "root",
        accounts.restore_account(RestoreAccountRequest {
            account_id: account_id()
        })
    );
    call!(
        world,
        "root",
        accounts.cancel_account(CancelAccountRequest {
            account_id: account_id()
        })
    );
    // A contract closes deals from now on, and one was told of before.
    world.pass(TimeDelta::minutes(1));
    let signed = world.create("Signed", north, "bob").await.id;
    let contract = told("e2", &signed, "contract.activated", world.server.clock.now());
    world.tell("crm", vec![contract]).await;
    let rules = proto::ActivityRules {
        close_kinds: vec!["contract.activated".into()],
        ..Default::default()
    };
    call!(
        world,
        "root",
        activity_rules.update_activity_rules(UpdateActivityRulesRequest {
            activity_rules: Some(rules),
            update_mask: mask(&["close_kinds"])
        })
    );
    call!(
        world,
        "root",
        activity_rules.recompute_deal_status(RecomputeDealStatusRequest {})
    );
    worker::jobs::once(&world.server.running.app).await.unwrap();
    world.pass(TimeDelta::minutes(1));
    let twin = world.create("Signed Ltd", north, "dan").await.id;
    call!(
        world,
        "root",
        accounts.merge_accounts(MergeAccountsRequest {
            survivor_id: signed,
            merged_ids: vec![twin]
        })
    );
    // What was written about it goes with it, so another one is deleted than is shown.
    world.pass(TimeDelta::minutes(1));
    let gone = world.create("Gone", north, "").await.id;
    call!(
        world,
        "root",
        accounts.cancel_account(CancelAccountRequest {
            account_id: gone.clone()
        })
    );
    call!(
        world,
        "root",
        accounts.delete_account(DeleteAccountRequest { account_id: gone })
    );
}

/// As protocol buffers are written in JSON, under the names of the protocol.
fn json(message: &DynamicMessage, indent: usize) -> String {
    let fields: Vec<_> = message
        .fields()
        .map(|(field, value)| {
            let text = text(value, &field.kind(), indent + 2);
            format!("{:indent$}  \"{}\": {text}", "", field.name())
        })
        .collect();
    format!("{{\n{}\n{:indent$}}}", fields.join(",\n"), "")
}

fn text(value: &Value, kind: &Kind, indent: usize) -> String {
    match (value, kind) {
        (Value::Message(time), Kind::Message(of)) if of.name() == "Timestamp" => {
            let time = prost_types::Timestamp::decode(time.encode_to_vec().as_slice()).unwrap();
            let time: DateTime<Utc> = DateTime::from_timestamp(time.seconds, time.nanos.cast_unsigned()).unwrap();
            format!("\"{}\"", time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
        }
        (Value::Message(message), _) => json(message, indent),
        (Value::List(values), _) => {
            let values: Vec<_> = values.iter().map(|value| text(value, kind, indent)).collect();
            format!("[{}]", values.join(", "))
        }
        (Value::EnumNumber(number), Kind::Enum(of)) => format!("\"{}\"", of.get_value(*number).unwrap().name()),
        (Value::String(text), _) => serde_json::to_string(text).unwrap(),
        (Value::I64(number), _) => format!("\"{number}\""),
        (Value::I32(number), _) => number.to_string(),
        (Value::Bool(value), _) => value.to_string(),
        other => panic!("{other:?}"),
    }
}

/// The text with ids that are the same each time, in the order in which they come.
fn with_plain_ids(text: &str, ids: &mut BTreeMap<String, String>) -> String {
    let mut plain = String::with_capacity(text.len());
    for part in text.split_inclusive('"') {
        let id = part.trim_end_matches('"');
        if uuid::Uuid::parse_str(id).is_ok() {
            let next = format!("0195b3a0-0000-7000-8000-{:012}", ids.len() + 1);
            let known = ids.entry(id.to_owned()).or_insert(next);
            write!(plain, "{known}\"").unwrap();
        } else {
            plain.push_str(part);
        }
    }
    plain
}

/// An event of each kind as it is shown.
fn shown(stream: &[Event]) -> BTreeMap<String, String> {
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    let of = pool.get_message_by_name("tidepool.v1.Event").unwrap();
    let (mut ids, mut shown) = (BTreeMap::new(), BTreeMap::new());
    for event in stream {
        let message = DynamicMessage::decode(of.clone(), event.encode_to_vec().as_slice()).unwrap();
        let text = with_plain_ids(&json(&message, 0), &mut ids);
        shown.entry(kind(event).to_owned()).or_insert(text);
    }
    shown
}

/// X11: the documentation shows what happens.
#[tokio::test]
async fn every_kind_of_event_is_shown() {
    let world = World::start().await;
    let north = world.pool(open_pool("North")).await;
    let south = world.pool(open_pool("South")).await;
    lose(&world, &north).await;
    do_it_all(&world, &north, &south).await;
    world.relay().await;
    let stream = world.stream().await;
    let happened = shown(&stream);
    world.stop().await;

    let path = format!("{}/docs/events.md", env!("CARGO_MANIFEST_DIR"));
    let mut page = fs::read_to_string(&path).unwrap();
    for kind in EventKind::ALL {
        let kind = kind.as_str();
        let event = happened.get(kind).unwrap_or_else(|| panic!("{kind} did not happen"));
        let heading = format!("### `{kind}`\n");
        let section = page.find(&heading).unwrap_or_else(|| panic!("{kind} has no section"));
        let section_end = page[section + 4..]
            .find("\n### ")
            .map_or(page.len(), |end| section + 4 + end);
        let fence = "```json\n";
        let begin = page[section..section_end].find(fence).expect(kind) + section + fence.len();
        let end = page[begin..].find("\n```").unwrap() + begin;
        if std::env::var_os("TIDEPOOL_UPDATE_SNAPSHOTS").is_some() {
            page.replace_range(begin..end, event);
        } else {
            assert_eq!(&page[begin..end], event, "{kind}; see the top of this file");
        }
    }
    if std::env::var_os("TIDEPOOL_UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, page).unwrap();
    }
}
