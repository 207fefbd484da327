//! No bytes whatever make reading a request panic. What is refused says where and why, and fits into an answer; what is
//! accepted lies within the documented bounds and, sent as we would answer it, is read as the same.
//!
//! The first byte of the data says which request the others are: the place in [`REQUESTS`], to which is only added.

use prost::Message;
use std::fmt::Debug;
use tidepool::{
    domain::{error::Error, ids::UserId, refusal::Violations},
    rpc::{
        convert::{
            account, account_change, account_list, account_merge, activity, activity_rule, activity_source,
            circulation, config_event, custom_field, decode, directory, event, job, pool, related, reminder_rule,
            retention_department, retention_exception, retention_limit, retention_preview, retention_rule, sweep, team,
            tenant, timeline, webhook,
        },
        proto,
    },
};

mod bounds;
mod configured;

type Read = fn(&[u8]);

/// Bytes of the details of an answer at most: the trailers with all else have room for 8 KiB.
const DETAILS: usize = 4096;

fn refused(error: Error) {
    if let Error::Invalid(violations) = &error {
        assert!((1..=Violations::MAX).contains(&violations.len()));
        assert!(violations.iter().all(|wrong| !wrong.description.is_empty()));
    }
    let status = tonic::Status::from(error);
    assert_ne!(status.code(), tonic::Code::Internal);
    assert!(!status.message().is_empty() && status.message().len() < DETAILS);
    assert!(status.details().len() < DETAILS, "{} bytes", status.details().len());
}

/// Decodes the message, reads it, and holds what is accepted against `bounds`.
fn read<M: Message + Default + Clone, T: Debug>(
    bytes: &[u8],
    convert: impl Fn(M) -> Result<T, Error>,
    bounds: impl FnOnce(T),
) {
    let Ok(message) = M::decode(bytes) else { return };
    let first = convert(message.clone());
    let second = convert(message);
    assert_eq!(format!("{first:?}"), format!("{second:?}"), "read twice");
    match first {
        Ok(accepted) => bounds(accepted),
        Err(error) => refused(error),
    }
}

/// Every request, by the name of its rpc.
pub(crate) const REQUESTS: &[(&str, Read)] = &[
    ("UpdateTenant", |bytes| read(bytes, tenant::update, configured::tenant)),
    ("BatchUpsertUsers", |bytes| {
        read(
            bytes,
            |m: proto::BatchUpsertUsersRequest| directory::users(m.users),
            configured::users,
        );
    }),
    ("BatchUpsertDepartments", |bytes| {
        let convert = |m: proto::BatchUpsertDepartmentsRequest| directory::departments(m.departments);
        read(bytes, convert, configured::departments);
    }),
    ("BatchUpsertGroups", |bytes| {
        read(
            bytes,
            |m: proto::BatchUpsertGroupsRequest| directory::groups(m.groups),
            configured::groups,
        );
    }),
    ("ListUsers", |bytes| {
        read(bytes, directory::list_users, |list| bounds::page(list.size));
    }),
    ("CreatePool", |bytes| {
        read(
            bytes,
            |m: proto::CreatePoolRequest| pool::create(m.pool),
            configured::pool,
        );
    }),
    ("UpdatePool", |bytes| {
        read(bytes, pool::update, |update| bounds::mask(&update.paths));
    }),
    ("CreateReclaimRule", |bytes| {
        read(bytes, retention_rule::create, configured::reclaim_rule);
    }),
    ("UpdateReclaimRule", |bytes| {
        read(bytes, retention_rule::update, |update| bounds::mask(&update.paths));
    }),
    ("ReorderReclaimRules", |bytes| {
        read(bytes, retention_rule::reorder, |order| {
            assert!(order.places.len() <= 100);
        });
    }),
    ("PreviewReclaimRuleChange", |bytes| {
        let convert = |m: proto::PreviewReclaimRuleChangeRequest| retention_preview::change(m.change);
        read(bytes, convert, drop);
    }),
    ("CreateRetentionLimit", |bytes| {
        let convert = |m: proto::CreateRetentionLimitRequest| retention_limit::create(m.retention_limit);
        read(bytes, convert, configured::limit);
    }),
    ("UpdateRetentionLimit", |bytes| {
        read(bytes, retention_limit::update, |update| bounds::mask(&update.paths));
    }),
    ("CreateReminderRule", |bytes| {
        let convert = |m: proto::CreateReminderRuleRequest| reminder_rule::create(m.reminder_rule);
        read(bytes, convert, configured::reminder_rule);
    }),
    ("UpdateReminderRule", |bytes| {
        read(bytes, reminder_rule::update, |update| bounds::mask(&update.paths));
    }),
    ("CreateCustomField", |bytes| {
        let convert = |m: proto::CreateCustomFieldRequest| custom_field::create(m.custom_field);
        read(bytes, convert, configured::custom_field);
    }),
    ("UpdateCustomField", |bytes| {
        read(bytes, custom_field::update, |update| bounds::mask(&update.paths));
    }),
    ("UpdateActivityRules", |bytes| {
        read(bytes, activity_rule::update, configured::activity_rules);
    }),
    ("CreateActivityKind", |bytes| {
        let convert = |m: proto::CreateActivityKindRequest| activity_rule::create_kind(m.activity_kind);
        read(bytes, convert, configured::activity_kind);
    }),
    ("UpdateActivityKind", |bytes| {
        read(bytes, activity_rule::update_kind, |update| bounds::mask(&update.paths));
    }),
    ("RegisterActivitySource", |bytes| {
        let convert = |m: proto::RegisterActivitySourceRequest| activity_source::register(m.activity_source);
        read(bytes, convert, configured::source);
    }),
    ("CreateWebhook", |bytes| {
        read(bytes, webhook::create, |made| configured::webhook(made.settings));
    }),
    ("UpdateWebhook", |bytes| {
        read(bytes, webhook::update, |update| configured::webhook(update.config));
    }),
    ("RotateWebhookSecret", |bytes| {
        read(bytes, |m| webhook::rotate(&m), bounds::rotation);
    }),
    ("ReplayDeadLetters", |bytes| {
        read(bytes, |m| webhook::replay_dead(&m), bounds::dead_letters);
    }),
    ("ReplayEvents", |bytes| {
        read(
            bytes,
            |m| webhook::replay_events(&m),
            |replay| assert!(replay.after >= 0),
        );
    }),
    ("CreateAccount", |bytes| {
        read(
            bytes,
            |m: proto::CreateAccountRequest| account::create(m.new_account),
            bounds::accounts,
        );
    }),
    ("BulkCreateAccounts", |bytes| {
        let convert = |m: proto::BulkCreateAccountsRequest| account::bulk_create(m.new_accounts);
        read(bytes, convert, bounds::accounts);
    }),
    ("UpdateAccount", |bytes| {
        read(bytes, account::update, |edit| bounds::mask(&edit.paths));
    }),
    ("CopyAccount", |bytes| read(bytes, |m| account::copy(&m), drop)),
    ("MergeAccounts", |bytes| {
        read(bytes, |m| account_merge::read(&m), bounds::merge);
    }),
    ("ListAccounts", |bytes| {
        read(bytes, account_list::list, bounds::account_list);
    }),
    ("BatchGetAccounts", |bytes| {
        let convert = |m: proto::BatchGetAccountsRequest| account::batch_get(&m.account_ids);
        read(bytes, convert, |ids| bounds::distinct(&ids, 500));
    }),
    ("RecordActivities", |bytes| {
        for user in [None, UserId::parse("ann").ok()] {
            let convert =
                |m: proto::RecordActivitiesRequest| activity::record(&m.activities, user.as_ref(), m.buffer_unknown);
            read(bytes, convert, |told| {
                assert!((1..=500).contains(&told.len()));
                for one in told {
                    match one {
                        Ok((told, _)) => bounds::activity(&told),
                        Err(error) => refused(error),
                    }
                }
            });
        }
    }),
    ("ListRelatedObjects", |bytes| {
        read(bytes, related::list, |list| bounds::page(list.size));
    }),
    ("ListTimeline", |bytes| {
        read(bytes, timeline::list, |list| bounds::page(list.size));
    }),
    ("ListConfigEvents", |bytes| {
        read(bytes, config_event::list, |list| bounds::page(list.size));
    }),
    ("WatchEvents", |bytes| {
        read(
            bytes,
            |m: proto::WatchEventsRequest| decode(|v| event::watch(v, m)),
            |wanted| {
                assert!((1..=60).contains(&wanted.heartbeat.as_secs()));
                bounds::events(&wanted.filter);
            },
        );
    }),
    ("ListEvents", |bytes| {
        read(
            bytes,
            |m: proto::ListEventsRequest| decode(|v| event::list(v, m)),
            |wanted| {
                assert!(wanted.after >= 0);
                bounds::page(wanted.size);
                bounds::events(&wanted.filter);
            },
        );
    }),
    ("BulkReturnAccounts", |bytes| {
        type Item = proto::bulk_return_accounts_request::Item;
        let convert = |m: proto::BulkReturnAccountsRequest| {
            let target = |item: &Item| (item.account_id.clone(), item.etag.clone());
            circulation::bulk(&m.items, target, (m.atomic, m.validate_only), |v, at, item: &Item| {
                circulation::give_back(v, at, &item.reason_id, &item.note, &item.target_pool_id)
            })
        };
        read(bytes, convert, bounds::moves);
    }),
    ("AssignAccount", |bytes| {
        let convert = |m: proto::AssignAccountRequest| {
            let target = (&*m.account_id, &*m.etag, m.validate_only);
            let read = circulation::single(target, &m, |v, at, item| circulation::assign(v, at, &item.assignee));
            circulation::following(read, std::iter::once(("related_types".to_owned(), &m.related_types)))
        };
        read(bytes, convert, bounds::moves);
    }),
    ("StartAssignMatching", |bytes| {
        let convert = |m: proto::StartAssignMatchingRequest| decode(|v| job::assign(v, m));
        read(bytes, convert, |work| bounds::work(&work));
    }),
    ("StartTransferMatching", |bytes| {
        let convert = |m: proto::StartTransferMatchingRequest| decode(|v| job::transfer(v, m));
        read(bytes, convert, |work| bounds::work(&work));
    }),
    ("CreateUserAbsence", |bytes| {
        let convert = |m: proto::CreateUserAbsenceRequest| retention_exception::create_absence(m.user_absence);
        read(bytes, convert, |leave| bounds::absence(&leave));
    }),
    ("CreateRetentionPause", |bytes| {
        let convert = |m: proto::CreateRetentionPauseRequest| retention_exception::create_pause(m.retention_pause);
        read(bytes, convert, configured::pause);
    }),
    ("ExtendRetention", |bytes| {
        let convert = |m: proto::ExtendRetentionRequest| {
            let target = (&*m.account_id, &*m.etag, m.validate_only);
            retention_exception::read(target, |v| retention_exception::extend(v, m.days, &m.reason))
        };
        read(bytes, convert, |except| bounds::exception(&except.wish));
    }),
    ("LockAccount", |bytes| {
        let convert = |m: proto::LockAccountRequest| {
            let target = (&*m.account_id, &*m.etag, m.validate_only);
            retention_exception::read(target, |v| retention_exception::lock(v, m.expire_time, &m.note))
        };
        read(bytes, convert, |except| bounds::exception(&except.wish));
    }),
    ("SetEmbargo", |bytes| {
        let convert = |m: proto::SetEmbargoRequest| {
            let target = (&*m.account_id, &*m.etag, m.validate_only);
            retention_exception::read(target, |v| retention_exception::embargo(v, m.until, &m.reason))
        };
        read(bytes, convert, |except| bounds::exception(&except.wish));
    }),
    ("PutTeamMember", |bytes| {
        let convert = |m: proto::PutTeamMemberRequest| {
            account_change::read(&m.account_id, &m.etag, |v| team::put(v, m.team_member.as_ref()))
        };
        read(bytes, convert, drop);
    }),
    ("ConfirmReclaims", |bytes| {
        let convert = |m: proto::ConfirmReclaimsRequest| decode(|v| sweep::confirm(v, &m));
        read(bytes, convert, |confirmed| {
            assert!((1..=10_000_000).contains(&confirmed.accounts));
        });
    }),
    ("ChooseRetentionDepartment", |bytes| {
        read(bytes, |m| retention_department::choose(&m), drop);
    }),
];

pub(crate) fn run(data: &[u8]) {
    let [which, bytes @ ..] = data else { return };
    if let Some((_, read)) = REQUESTS.get(usize::from(*which)) {
        read(bytes);
    }
}
