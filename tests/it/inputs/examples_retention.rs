//! Examples of the rpcs of reclaim rules, reminder rules, and the choice of departments.

use super::{
    examples::{Made, by_service},
    side::{Side, Thing},
};
use crate::build::mask;
use tidepool::rpc::proto;

/// Without these a new rule is refused.
const CREATED: [&str; 7] = [
    "reclaim_rule",
    "reclaim_rule.pool_id",
    "reclaim_rule.combine",
    "reclaim_rule.grade_days[0].grade",
    "reclaim_rule.grade_days[0].follow_up_days",
    "reclaim_rule.reminders[0].days_before",
    "reclaim_rule.reminders[0].recipients",
];

/// Without these a change of one is.
const CHANGED: [&str; 10] = [
    "reclaim_rule",
    "reclaim_rule.id",
    "reclaim_rule.priority",
    "update_mask",
    "include_past_days",
    "reclaim_rule.combine",
    "reclaim_rule.grade_days[0].grade",
    "reclaim_rule.grade_days[0].follow_up_days",
    "reclaim_rule.reminders[0].days_before",
    "reclaim_rule.reminders[0].recipients",
];

/// A rule with everything that there is.
fn whole(rule: proto::ReclaimRule) -> proto::ReclaimRule {
    proto::ReclaimRule {
        condition: "account.grade != \"Z\"".into(),
        created_within_months: Some(6),
        first_contact_days: Some(2),
        close_days: Some(60),
        combine: proto::CombineMode::Both.into(),
        grade_days: vec![proto::GradeDays {
            grade: "A".into(),
            follow_up_days: Some(20),
            ..Default::default()
        }],
        cutoff: "09:00".into(),
        max_hold_days: Some(100),
        contract_end_days: Some(5),
        follow_up_kinds: vec!["call.made".into()],
        reclaim_kinds: vec!["customer.opted_out".into()],
        no_restart_days: Some(5),
        reminders: vec![proto::AdvanceReminder {
            days_before: 3,
            recipients: vec![proto::ReminderRecipient::Owner.into()],
        }],
        ..rule
    }
}

pub(super) async fn make(side: &Side, rpc: &str) -> Option<Made> {
    let etag = String::new;
    let request_id = String::new;
    let page = || (1, String::new());
    Some(match rpc {
        "CreateReclaimRule" => {
            let rule = whole(side.rule(&side.new_pool().await));
            by_service(
                &CREATED,
                proto::CreateReclaimRuleRequest {
                    reclaim_rule: Some(rule),
                    request_id: request_id(),
                    include_past_days: Some(true),
                },
            )
        }
        "GetReclaimRule" => by_service(
            &["reclaim_rule_id"],
            proto::GetReclaimRuleRequest {
                reclaim_rule_id: side.id(Thing::ReclaimRule),
            },
        ),
        "ListReclaimRules" => {
            let ((page_size, page_token), pool_id) = (page(), side.id(Thing::Pool));
            by_service(
                &["pool_id"],
                proto::ListReclaimRulesRequest {
                    pool_id,
                    page_size,
                    page_token,
                    ..Default::default()
                },
            )
        }
        "UpdateReclaimRule" => {
            let pool = side.new_pool().await;
            let rule = proto::ReclaimRule {
                id: side.new_rule(&pool).await,
                priority: 7,
                ..whole(side.rule(&pool))
            };
            let update_mask = mask(&["*"]);
            by_service(
                &CHANGED,
                proto::UpdateReclaimRuleRequest {
                    reclaim_rule: Some(rule),
                    update_mask,
                    request_id: request_id(),
                    include_past_days: Some(true),
                },
            )
        }
        "ReorderReclaimRules" => {
            let pool_id = side.new_pool().await;
            let reclaim_rule_id = side.new_rule(&pool_id).await;
            let places = vec![proto::ReclaimRulePlace {
                reclaim_rule_id,
                etag: etag(),
            }];
            by_service(
                &["pool_id", "places", "places[0].reclaim_rule_id"],
                proto::ReorderReclaimRulesRequest {
                    pool_id,
                    places,
                    request_id: request_id(),
                    ..Default::default()
                },
            )
        }
        "EnableReclaimRule" | "DisableReclaimRule" | "DeleteReclaimRule" => {
            let reclaim_rule_id = side.new_rule(&side.new_pool().await).await;
            // The three have the same fields.
            let request = proto::EnableReclaimRuleRequest {
                reclaim_rule_id,
                etag: etag(),
                request_id: request_id(),
                ..Default::default()
            };
            by_service(&["reclaim_rule_id"], request)
        }
        "ChooseRetentionDepartment" => {
            let user_id = side.employee().await;
            let department_id = side.name("ruled");
            let request = proto::ChooseRetentionDepartmentRequest {
                user_id,
                department_id,
                ..Default::default()
            };
            by_service(&["user_id", "department_id"], request)
        }
        "UnchooseRetentionDepartment" => {
            let request = proto::UnchooseRetentionDepartmentRequest {
                user_id: side.chosen().await,
                ..Default::default()
            };
            by_service(&["user_id"], request)
        }
        "ListAmbiguousEmployees" => {
            let (page_size, page_token) = page();
            by_service(
                &[],
                proto::ListAmbiguousEmployeesRequest {
                    page_size,
                    page_token,
                    include_chosen: true,
                },
            )
        }
        _ => return make_reminder(side, rpc).await,
    })
}

async fn make_reminder(side: &Side, rpc: &str) -> Option<Made> {
    Some(match rpc {
        "CreateReminderRule" => {
            let rule = side.reminder_rule(&side.new_pool().await);
            by_service(
                &[
                    "reminder_rule",
                    "reminder_rule.pool_id",
                    "reminder_rule.idle_days",
                    "reminder_rule.recipients",
                ],
                proto::CreateReminderRuleRequest {
                    reminder_rule: Some(rule),
                    ..Default::default()
                },
            )
        }
        "GetReminderRule" => by_service(
            &["reminder_rule_id"],
            proto::GetReminderRuleRequest {
                reminder_rule_id: side.id(Thing::ReminderRule),
            },
        ),
        "ListReminderRules" => by_service(
            &["pool_id"],
            proto::ListReminderRulesRequest {
                pool_id: side.id(Thing::Pool),
                page_size: 1,
                ..Default::default()
            },
        ),
        "UpdateReminderRule" => {
            let pool = side.new_pool().await;
            let rule = proto::ReminderRule {
                id: side.new_reminder_rule(&pool).await,
                ..side.reminder_rule(&pool)
            };
            by_service(
                &[
                    "reminder_rule",
                    "reminder_rule.id",
                    "reminder_rule.idle_days",
                    "reminder_rule.recipients",
                    "update_mask",
                ],
                proto::UpdateReminderRuleRequest {
                    reminder_rule: Some(rule),
                    update_mask: mask(&["*"]),
                    ..Default::default()
                },
            )
        }
        "EnableReminderRule" | "DisableReminderRule" | "DeleteReminderRule" => {
            // The three have the same fields.
            let request = proto::EnableReminderRuleRequest {
                reminder_rule_id: side.new_reminder_rule(&side.new_pool().await).await,
                ..Default::default()
            };
            by_service(&["reminder_rule_id"], request)
        }
        "ExplainRetention" => by_service(
            &["account_id"],
            proto::ExplainRetentionRequest {
                account_id: side.id(Thing::Account),
            },
        ),
        "PreviewReclaimRuleChange" => {
            let pool = side.new_pool().await;
            let update = proto::UpdateReclaimRuleRequest {
                reclaim_rule: Some(whole(proto::ReclaimRule {
                    id: side.new_rule(&pool).await,
                    priority: 7,
                    ..side.rule(&pool)
                })),
                update_mask: mask(&["*"]),
                ..Default::default()
            };
            by_service(
                &[
                    "change",
                    "update.reclaim_rule",
                    "update.reclaim_rule.id",
                    "update.reclaim_rule.priority",
                    "update.update_mask",
                    "update.reclaim_rule.combine",
                    "update.reclaim_rule.grade_days[0].grade",
                    "update.reclaim_rule.grade_days[0].follow_up_days",
                    "update.reclaim_rule.reminders[0].days_before",
                    "update.reclaim_rule.reminders[0].recipients",
                ],
                proto::PreviewReclaimRuleChangeRequest {
                    change: Some(proto::preview_reclaim_rule_change_request::Change::Update(update)),
                },
            )
        }
        _ => return None,
    })
}
