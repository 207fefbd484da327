//! Examples of the rpcs about accounts.

use super::{
    examples::{Made, by_service},
    examples_moves,
    side::{Side, Thing},
};
use crate::{activities::time, build::mask};
use chrono::TimeDelta;
use tidepool::rpc::proto::{self, Account, CustomFieldValue, NewAccount, custom_field_value::Value};

/// An account with values of custom fields of every type.
fn account(side: &Side) -> Account {
    let values = [
        Value::TextValue("something".into()),
        Value::NumberValue(1.5),
        Value::TimeValue(time(crate::harness::start()).unwrap()),
    ];
    let of = side.fields.iter().cloned().zip(values);
    let custom_fields = of
        .map(|(field, value)| CustomFieldValue {
            field,
            value: Some(value),
        })
        .collect();
    Account {
        custom_fields,
        ..side.account()
    }
}

/// A filter of every kind, that fits what `bob` owns.
pub(crate) fn filter(side: &Side) -> proto::AccountFilter {
    let text = || vec!["something".to_owned()];
    let now = || time(crate::harness::start());
    let later = || time(crate::harness::start() + TimeDelta::days(60));
    proto::AccountFilter {
        statuses: vec![proto::AccountStatus::Assigned.into()],
        owners: vec![side.name("bob")],
        pool_ids: vec![side.id(Thing::Pool)],
        grades: text(),
        regions: text(),
        industries: text(),
        sources: text(),
        tags: text(),
        name_prefix: "Acme".into(),
        reclaim_time_from: now(),
        reclaim_time_before: later(),
        create_time_from: now(),
        create_time_before: later(),
        condition: "account.name != \"x\"".into(),
    }
}

/// The example of the rpc.
pub(crate) async fn make(side: &Side, rpc: &str) -> Option<Made> {
    let (etag, request_id) = (String::new, String::new);
    let (page_size, page_token) = (1, String::new());
    Some(match rpc {
        "CreateAccount" | "BulkCreateAccounts" => {
            let new = NewAccount {
                account: Some(account(side)),
                pool_id: side.id(Thing::Pool),
                owner: side.name("bob"),
            };
            if rpc == "CreateAccount" {
                by_service(
                    &[
                        "new_account",
                        "new_account.account",
                        "new_account.account.name",
                        "new_account.account.custom_fields[0].field",
                        "new_account.account.custom_fields[1].field",
                        "new_account.account.custom_fields[2].field",
                        "new_account.account.custom_fields[0].value",
                        "new_account.account.custom_fields[1].value",
                        "new_account.account.custom_fields[2].value",
                    ],
                    proto::CreateAccountRequest {
                        new_account: Some(new),
                        request_id: request_id(),
                    },
                )
            } else {
                by_service(
                    &[
                        "new_accounts",
                        "new_accounts[0].account",
                        "new_accounts[0].account.name",
                        "new_accounts[0].account.custom_fields[0].field",
                        "new_accounts[0].account.custom_fields[1].field",
                        "new_accounts[0].account.custom_fields[2].field",
                        "new_accounts[0].account.custom_fields[0].value",
                        "new_accounts[0].account.custom_fields[1].value",
                        "new_accounts[0].account.custom_fields[2].value",
                    ],
                    proto::BulkCreateAccountsRequest {
                        new_accounts: vec![new],
                        request_id: request_id(),
                    },
                )
            }
        }
        "GetAccount" => by_service(
            &["account_id"],
            proto::GetAccountRequest {
                account_id: side.id(Thing::Account),
            },
        ),
        "BatchGetAccounts" => {
            let account_ids = vec![side.id(Thing::Account)];
            by_service(&["account_ids"], proto::BatchGetAccountsRequest { account_ids })
        }
        "CancelAccount" => {
            let request = proto::CancelAccountRequest {
                account_id: side.owned().await,
                etag: etag(),
                request_id: request_id(),
            };
            by_service(&["account_id"], request)
        }
        "RestoreAccount" => {
            let account_id = side.canceled().await;
            let request = proto::RestoreAccountRequest {
                account_id,
                etag: etag(),
                clear_owner: false,
                request_id: request_id(),
            };
            by_service(&["account_id"], request)
        }
        "DeleteAccount" => {
            let account_id = side.canceled().await;
            by_service(
                &["account_id"],
                proto::DeleteAccountRequest {
                    account_id,
                    etag: etag(),
                    request_id: request_id(),
                },
            )
        }
        "MergeAccounts" => {
            let request = proto::MergeAccountsRequest {
                survivor_id: side.owned().await,
                merged_ids: vec![side.owned().await],
                etag: etag(),
                validate_only: false,
                request_id: request_id(),
            };
            by_service(&["survivor_id", "merged_ids"], request)
        }
        "ListAccounts" => {
            side.owned().await;
            let request = proto::ListAccountsRequest {
                scope: proto::AccountScope::All.into(),
                filter: Some(filter(side)),
                page_size,
                page_token,
                ..Default::default()
            };
            by_service(&["scope"], request)
        }
        "ListAccounts/1" => {
            let request = proto::ListAccountsRequest {
                scope: proto::AccountScope::PoolAll.into(),
                pool_id: side.id(Thing::Pool),
                filter: Some(proto::AccountFilter {
                    pool_ids: Vec::new(),
                    reclaim_time_from: None,
                    reclaim_time_before: None,
                    ..filter(side)
                }),
                page_size,
                page_token,
                ..Default::default()
            };
            by_service(&["scope", "pool_id"], request)
        }
        "UpdateAccount" => {
            let changed = Account {
                id: side.owned().await,
                ..account(side)
            };
            let request = proto::UpdateAccountRequest {
                account: Some(changed),
                update_mask: mask(&["*"]),
                etag: etag(),
                override_name_lock: true,
                request_id: request_id(),
            };
            by_service(
                &[
                    "account",
                    "account.id",
                    "account.name",
                    "update_mask",
                    "account.custom_fields[0].field",
                    "account.custom_fields[1].field",
                    "account.custom_fields[2].field",
                    "account.custom_fields[0].value",
                    "account.custom_fields[1].value",
                    "account.custom_fields[2].value",
                ],
                request,
            )
        }
        "CopyAccount" => {
            let request = proto::CopyAccountRequest {
                account_id: side.id(Thing::Account),
                name: side.fresh("Copy"),
                pool_id: side.id(Thing::Pool),
                owner: side.name("bob"),
                request_id: request_id(),
            };
            by_service(&["account_id", "name"], request)
        }
        "ListTeamMembers" => by_service(
            &["account_id"],
            proto::ListTeamMembersRequest {
                account_id: side.id(Thing::Account),
            },
        ),
        "PutTeamMember" => {
            let team_member = proto::TeamMember {
                user_id: side.name("cid"),
                role: proto::TeamRole::Participant.into(),
                ..Default::default()
            };
            let account_id = side.owned().await;
            by_service(
                &["account_id", "team_member", "team_member.user_id", "team_member.role"],
                proto::PutTeamMemberRequest {
                    account_id,
                    etag: etag(),
                    team_member: Some(team_member),
                    request_id: request_id(),
                },
            )
        }
        "RemoveTeamMember" => {
            let (account_id, user_id) = (side.owned().await, side.name("cid"));
            by_service(
                &["account_id", "user_id"],
                proto::RemoveTeamMemberRequest {
                    account_id,
                    etag: etag(),
                    user_id,
                    request_id: request_id(),
                },
            )
        }
        "ListTenures" | "ListAccountEvents" => {
            // Both have the same fields, and two rows.
            let account_id = side.owned().await;
            let new_owner = side.name("cid");
            let handed = proto::ChangeAccountOwnerRequest {
                account_id: account_id.clone(),
                new_owner,
                ..Default::default()
            };
            side.admin.circulation().change_account_owner(handed).await.unwrap();
            by_service(
                &["account_id"],
                proto::ListTenuresRequest {
                    account_id,
                    page_size,
                    page_token,
                },
            )
        }
        "ListTimeline" => {
            let account_id = side.owned().await;
            let new_owner = side.name("cid");
            let handed = proto::ChangeAccountOwnerRequest {
                account_id: account_id.clone(),
                new_owner,
                ..Default::default()
            };
            side.admin.circulation().change_account_owner(handed).await.unwrap();
            by_service(
                &["account_id"],
                proto::ListTimelineRequest {
                    account_id,
                    kinds: vec!["account.".into(), "call.made".into()],
                    page_size,
                    page_token,
                },
            )
        }
        "ListRelatedObjects" => {
            let account_id = side.owned().await;
            for object in ["o1", "o2"] {
                let activity = proto::Activity {
                    object_id: side.fresh(object),
                    ..crate::activities::told(
                        &side.fresh("event"),
                        &account_id,
                        "opportunity.won",
                        crate::harness::start(),
                    )
                };
                let request = proto::RecordActivitiesRequest {
                    activities: vec![activity],
                    ..Default::default()
                };
                side.admin.activities().record_activities(request).await.unwrap();
            }
            by_service(
                &["account_id"],
                proto::ListRelatedObjectsRequest {
                    account_id,
                    object_type: "opportunity".into(),
                    page_size,
                    page_token,
                },
            )
        }
        "GetAccountSummary" => by_service(
            &["account_id"],
            proto::GetAccountSummaryRequest {
                account_id: side.owned().await,
            },
        ),
        "RecordActivities" => {
            let activity = proto::Activity {
                event_id: side.fresh("event"),
                account_id: side.owned().await,
                kind: "opportunity.won".into(),
                object_id: side.fresh("object"),
                occur_time: time(crate::harness::start()),
                actor: side.name("bob"),
                summary: "Won".into(),
                amount: Some(proto::Money {
                    amount: "12.50".into(),
                    currency: "EUR".into(),
                }),
                object_owner: side.name("bob"),
                visible_to: vec![side.name("ann")],
                object_locked: true,
                object_in_workflow: true,
                ..Default::default()
            };
            by_service(
                &[
                    "activities",
                    "activities[0].event_id",
                    "activities[0].account_id",
                    "activities[0].kind",
                    "activities[0].object_id",
                    "activities[0].occur_time",
                    "activities[0].amount.amount",
                    "activities[0].amount.currency",
                ],
                proto::RecordActivitiesRequest {
                    activities: vec![activity],
                    request_id: request_id(),
                    // Not for users, for whom it is asked too.
                    buffer_unknown: false,
                },
            )
        }
        "ListActivities" => {
            let account_id = side.owned().await;
            let told = |at: usize| {
                crate::activities::told(
                    &side.fresh(&format!("e{at}")),
                    &account_id,
                    "call.made",
                    crate::harness::start(),
                )
            };
            let request = proto::RecordActivitiesRequest {
                activities: vec![told(0), told(1)],
                ..Default::default()
            };
            side.admin.activities().record_activities(request).await.unwrap();
            by_service(
                &["account_id"],
                proto::ListActivitiesRequest {
                    account_id,
                    page_size,
                    page_token,
                },
            )
        }
        _ => return Box::pin(examples_moves::make(side, rpc)).await,
    })
}
