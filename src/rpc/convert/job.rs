//! Jobs.

use super::{account_list::read_filter, etag, id, id_opt, ids, related::follow, required, texts, timestamp};
use crate::{
    app::job::Started,
    domain::{
        account_list::Filter,
        ids::{AccountId, PoolId, UserId},
        job::{Job, JobState, RefusedItem, Selection, Work},
        refusal::Violations,
        text::check_unique,
    },
    rpc::proto,
};

/// Accounts that a selection names at most.
const NAMED_MAX: usize = 1000;
/// Users whom a job assigns accounts to at most.
const ASSIGNEES_MAX: usize = 50;

fn selection(v: &mut Violations, message: Option<proto::AccountSelection>) -> Option<Selection> {
    let message = required(v, "selection", message)?;
    let pool = id(v, "selection.pool_id", &message.pool_id, PoolId::parse);
    let mut accounts = ids(
        v,
        "selection.account_ids",
        &message.account_ids,
        NAMED_MAX,
        AccountId::parse,
    );
    check_unique(v, "selection.account_ids", &accounts);
    accounts.sort_unstable();
    let filter = read_filter(v, "selection.filter", message.filter.unwrap_or_default());
    if !accounts.is_empty() && filter != Filter::default() {
        v.add("selection.account_ids", "must be empty where there is a filter");
    }
    Some(Selection {
        pool: pool?,
        filter,
        accounts,
    })
}

/// Reads what is to be assigned to whom.
pub fn assign(v: &mut Violations, message: proto::StartAssignMatchingRequest) -> Option<Work> {
    let selection = selection(v, message.selection);
    let assignees = ids(v, "assignees", &message.assignees, ASSIGNEES_MAX, UserId::parse);
    check_unique(v, "assignees", &assignees);
    if message.assignees.is_empty() {
        v.add("assignees", "must name at least one user");
    }
    let follow = follow(v, "related_types", &message.related_types);
    Some(Work::AssignMatching {
        selection: selection?,
        assignees,
        follow,
    })
}

/// Reads what is to be moved where.
pub fn transfer(v: &mut Violations, message: proto::StartTransferMatchingRequest) -> Option<Work> {
    let selection = selection(v, message.selection);
    let target = id(v, "target_pool_id", &message.target_pool_id, PoolId::parse);
    Some(Work::TransferMatching {
        selection: selection?,
        target: target?,
        clear_owner: message.clear_owner,
    })
}

/// Reads who left.
pub fn release(v: &mut Violations, message: &proto::StartReleaseOwnerRequest) -> Option<Work> {
    let user = id(v, "user_id", &message.user_id, UserId::parse);
    let target = id_opt(v, "target_pool_id", &message.target_pool_id, PoolId::parse);
    Some(Work::ReleaseOwner {
        user: user?,
        target: target?,
    })
}

/// Reads which pool is to be moved where.
pub fn transfer_pool(v: &mut Violations, message: &proto::StartTransferPoolRequest) -> Option<Work> {
    let source = id(v, "source_pool_id", &message.source_pool_id, PoolId::parse);
    let target = id(v, "target_pool_id", &message.target_pool_id, PoolId::parse);
    Some(Work::TransferPool {
        source: source?,
        target: target?,
        clear_owner: message.clear_owner,
    })
}

fn reason(name: &str) -> i32 {
    let name = format!("ERROR_REASON_{name}");
    proto::ErrorReason::from_str_name(&name).unwrap_or_default().into()
}

/// A job as a message.
#[must_use]
pub fn encode(job: &Job) -> proto::Job {
    let (source, target, user, assignees) = match &job.work {
        Work::AssignMatching {
            selection, assignees, ..
        } => (Some(selection.pool), None, None, texts(assignees)),
        Work::TransferMatching { selection, target, .. } => (Some(selection.pool), Some(*target), None, vec![]),
        Work::ReleaseOwner { user, target } => (None, *target, Some(user), vec![]),
        Work::TransferPool { source, target, .. } => (Some(*source), Some(*target), None, vec![]),
        Work::RecomputeDeals => (None, None, None, vec![]),
    };
    let pool = |id: Option<PoolId>| id.map(|id| id.to_string()).unwrap_or_default();
    proto::Job {
        id: job.id.to_string(),
        // Published and stored numbers are the same.
        kind: job.work.number().into(),
        state: encode_state(job.state).into(),
        source_pool_id: pool(source),
        target_pool_id: pool(target),
        user_id: user.map(ToString::to_string).unwrap_or_default(),
        assignees,
        caller: job.caller.to_string(),
        actor: job.actor.as_ref().map(ToString::to_string).unwrap_or_default(),
        total: job.total,
        done: job.done,
        moved: job.moved,
        refused: job.refused,
        failure_reason: reason(&job.reason),
        failure_message: job.message.clone(),
        create_time: timestamp(job.create_time),
        update_time: timestamp(job.update_time),
        finish_time: job.finish_time.and_then(timestamp),
        etag: etag(job.version),
    }
}

const fn encode_state(state: JobState) -> proto::JobState {
    match state {
        JobState::Pending => proto::JobState::Pending,
        JobState::Running => proto::JobState::Running,
        JobState::Succeeded => proto::JobState::Succeeded,
        JobState::Canceled => proto::JobState::Canceled,
        JobState::Failed => proto::JobState::Failed,
    }
}

/// The parts of the response of a start.
#[must_use]
pub fn encode_started(started: &Started) -> (Option<proto::Job>, Option<proto::JobPreview>) {
    let preview = proto::JobPreview {
        total: started.total,
        account_ids: texts(&started.first),
    };
    (started.job.as_ref().map(encode), Some(preview))
}

/// A refused account as a message.
#[must_use]
pub fn encode_item(item: &RefusedItem) -> proto::JobItem {
    proto::JobItem {
        account_id: item.account.to_string(),
        reason: reason(&item.reason),
        message: item.message.clone(),
    }
}
