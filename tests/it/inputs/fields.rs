//! What the protocol says of its fields: their comments, the bounds that these promise, and what texts are.

use super::side::Thing;
use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};
use std::sync::OnceLock;
use tidepool::rpc::proto::DESCRIPTORS;

/// The protocol.
pub(crate) fn protocol() -> &'static DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    POOL.get_or_init(|| DescriptorPool::decode(DESCRIPTORS).unwrap())
}

/// Every rpc of ours but those that are fed by a stream: what is wrong with a row of theirs is an answer of its own, see
/// `importing`.
pub(crate) fn rpcs() -> Vec<MethodDescriptor> {
    let services: Vec<_> = protocol().services().collect();
    let ours = services
        .iter()
        .filter(|service| service.package_name() == "tidepool.v1");
    let rpcs = ours.flat_map(|service| service.methods().collect::<Vec<_>>());
    rpcs.filter(|rpc| !rpc.is_client_streaming()).collect()
}

/// What a text of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    /// An id of ours, a UUID.
    Own(Thing),
    /// An id that another system gave, of at most so many bytes; of what, if that thing has to exist.
    Foreign(Option<Thing>, usize),
    /// What a read gave.
    Etag,
    /// What a list gave.
    PageToken,
    /// One of a closed list, or of a form of its own.
    Word,
    /// One line of at most so many characters.
    Line(usize),
    /// The same, read regardless of white space at its ends.
    Prefix(usize),
    /// Several lines.
    Lines(usize),
    /// Not looked at.
    Ignored,
}

/// What people wrote about the field.
pub(crate) fn comment(field: &FieldDescriptor) -> String {
    let file = field.parent_message().parent_file();
    let info = file.file_descriptor_proto().source_code_info.as_ref().unwrap();
    let location = info
        .location
        .iter()
        .find(|location| location.path == field.path())
        .unwrap();
    location.leading_comments().replace('\n', " ")
}

/// Whether only answers have the field.
pub(crate) fn is_output(rpc: &str, field: &FieldDescriptor) -> bool {
    let of = field.parent_message();
    let creates = rpc.starts_with("Create") || rpc.starts_with("BulkCreate");
    comment(field).contains("Output only")
        // What is made gets its id and etag by being made; a reason has the id that it is given.
        || creates && matches!(field.name(), "id" | "etag") && of.name() != "ReturnReason"
        // Of an account the etag lies beside it; a tenant is the caller's own.
        || matches!(field.full_name(), "tidepool.v1.Tenant.create_time" | "tidepool.v1.Tenant.update_time")
}

/// The number before these words.
fn number_before(comment: &str, words: &str) -> Option<usize> {
    let before = comment[..comment.rfind(words)?].trim_end();
    before.rsplit(' ').next()?.parse().ok()
}

/// How many entries a list has at most.
pub(crate) fn most(field: &FieldDescriptor) -> usize {
    let of = field.parent_message();
    if of.name() == "AccountFilter" || of.name() == "FieldMask" {
        return 100;
    }
    let known = match field.full_name() {
        "tidepool.v1.Pool.hidden_fields" => Some(50),
        "tidepool.v1.Pool.return_reasons"
        | "tidepool.v1.ReorderReclaimRulesRequest.places"
        | "tidepool.v1.Account.custom_fields" => Some(100),
        "tidepool.v1.AccountSelection.account_ids" => Some(1000),
        "tidepool.v1.ReplayDeadLettersRequest.positions" => Some(500),
        "tidepool.v1.AdvanceReminder.recipients" | "tidepool.v1.ReminderRule.recipients" => Some(4),
        "tidepool.v1.WorkCalendar.weekdays" => Some(7),
        _ => None,
    };
    let comment = comment(field);
    let numbers = || {
        let words: Vec<_> = comment.split([' ', ',', '.', ':', ';']).collect();
        words.windows(3).find_map(|words| match words {
            ["at", "most", number] | [_, "to", number] => number.parse().ok(),
            _ => None,
        })
    };
    known
        .or_else(numbers)
        .unwrap_or_else(|| panic!("how long is {}? {comment}", field.full_name()))
}

/// What the text is. A new field that is of no known name has to be entered here.
pub(crate) fn text(field: &FieldDescriptor) -> Text {
    use Thing::{
        Account, CustomField, Department, Group, Job, Pool, ReclaimRule, ReminderRule, RetentionLimit, Role, User,
    };
    const ID: usize = 64;
    let of = field.parent_message();
    match (of.name(), field.name()) {
        ("Account", "id") | (_, "account_id" | "account_ids") => Text::Own(Account),
        ("Pool", "id") | (_, "pool_id" | "pool_ids" | "target_pool_id" | "source_pool_id") => Text::Own(Pool),
        ("ReclaimRule", "id") | (_, "reclaim_rule_id") => Text::Own(ReclaimRule),
        ("ReminderRule", "id") | (_, "reminder_rule_id") => Text::Own(ReminderRule),
        ("RetentionLimit", "id") | (_, "retention_limit_id") => Text::Own(RetentionLimit),
        ("CustomField", "id") | (_, "custom_field_id") => Text::Own(CustomField),
        ("ActivityKind", "id") | (_, "activity_kind_id") => Text::Own(Thing::ActivityKind),
        ("UserAbsence", "id") | (_, "user_absence_id") => Text::Own(Thing::UserAbsence),
        ("RetentionPause", "id") | (_, "retention_pause_id") => Text::Own(Thing::RetentionPause),
        ("Webhook", "id") | (_, "webhook_id") => Text::Own(Thing::Webhook),
        (_, "job_id") => Text::Own(Job),
        (_, "activity_source_name") => Text::Foreign(Some(Thing::ActivitySource), ID),
        ("User" | "Department" | "Group" | "ReturnReason", "id") | (_, "object_id" | "external_id") => {
            Text::Foreign(None, ID)
        }
        (
            _,
            "owner" | "owners" | "assignee" | "assignees" | "new_owner" | "user_id" | "supervisor" | "supervisor_id"
            | "head" | "actor" | "administrators" | "users",
        ) => Text::Foreign(Some(User), ID),
        (_, "department_id" | "primary_department" | "other_departments" | "parent") => {
            Text::Foreign(Some(Department), ID)
        }
        (_, "groups" | "group_id") => Text::Foreign(Some(Group), ID),
        (_, "roles") => Text::Foreign(Some(Role), ID),
        (_, "reason_id" | "return_reasons") => Text::Foreign(Some(Thing::Reason), ID),
        (_, "event_id" | "request_id") => Text::Foreign(None, 128),
        (_, "etag") => Text::Etag,
        (_, "page_token") => Text::PageToken,
        ("CustomField", "name")
        | ("CustomFieldValue", "field")
        | ("Activity", "kind")
        | ("ListRelatedObjectsRequest", "object_type")
        | ("Money", "amount" | "currency")
        | ("ActivityRules", "follow_up_kinds" | "close_kinds")
        | ("ActivityKind", "name" | "reverses")
        | ("ReclaimRule", "cutoff" | "follow_up_kinds" | "reclaim_kinds")
        | (
            _,
            "condition" | "time_zone" | "hidden_fields" | "paths" | "default_cutoff" | "reminder_time" | "holidays"
            | "extra_work_days" | "kinds" | "url",
        ) => Text::Word,
        ("ActivitySource", "name")
        | (_, "required_sources" | "object_owner" | "visible_to" | "external_account_id") => Text::Foreign(None, ID),
        ("Activity", "source") | ("Tenant", "name") => Text::Ignored,
        ("AccountFilter", "name_prefix") => Text::Prefix(200),
        ("GradeDays", "grade")
        | ("AccountFilter", "grades" | "regions" | "industries" | "sources" | "tags")
        | ("ListConfigEventsRequest", "resource_type") => Text::Line(64),
        ("CustomFieldValue", "text_value") => Text::Line(255),
        ("CopyAccountRequest", "name") => Text::Line(200),
        ("ListConfigEventsRequest", "resource") => Text::Line(128),
        ("Account", "address" | "remark") => Text::Lines(promised(field)),
        _ => Text::Line(promised(field)),
    }
}

fn promised(field: &FieldDescriptor) -> usize {
    let comment = comment(field);
    let found = number_before(&comment, " characters");
    found.unwrap_or_else(|| panic!("what is {}? {comment}", field.full_name()))
}

/// The messages whose parts are fields of a request; others are values.
pub(crate) fn parts(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(message) if message.package_name() == "tidepool.v1" => Some(message),
        _ => None,
    }
}
