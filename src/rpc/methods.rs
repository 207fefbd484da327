//! Which calls need what: one row per method. A method without a row is denied, and fails a test.

use crate::app::call::{Call, Scope};

/// Whether a call may be made for a user, and which scopes allow it for nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: health and reflection.
    Nothing,
    /// An actor, or one of these scopes. What an actor may do is decided by the directory and the pools.
    ActorOr(&'static [Scope]),
    /// One of these scopes; an actor changes nothing.
    Scope(&'static [Scope]),
    /// Any verified caller.
    Caller,
}

use Needs::{ActorOr, Caller, Nothing, Scope as OneOf};
use Scope::{Admin, Config, Directory, Events, Ingest};

const CONFIGURE: Needs = ActorOr(&[Admin, Config]);
const FOLLOW: Needs = ActorOr(&[Admin, Events]);
const FOR_USERS: Needs = ActorOr(&[Admin]);
const JOBS: Needs = ActorOr(&[Admin, Directory]);
const SOURCES: Needs = ActorOr(&[Admin, Config, Ingest]);
const PUSH_DIRECTORY: Needs = OneOf(&[Admin, Directory]);

/// Every method of the API.
pub const METHODS: &[(&str, Needs)] = &[
    ("/tidepool.v1.TenantService/GetTenant", Caller),
    ("/tidepool.v1.TenantService/UpdateTenant", CONFIGURE),
    ("/tidepool.v1.TenantService/ListConfigEvents", CONFIGURE),
    ("/tidepool.v1.DirectoryService/BatchUpsertDepartments", PUSH_DIRECTORY),
    ("/tidepool.v1.DirectoryService/BatchUpsertGroups", PUSH_DIRECTORY),
    ("/tidepool.v1.DirectoryService/BatchUpsertUsers", PUSH_DIRECTORY),
    ("/tidepool.v1.DirectoryService/DeactivateUser", PUSH_DIRECTORY),
    ("/tidepool.v1.DirectoryService/GetUser", Caller),
    ("/tidepool.v1.DirectoryService/ListUsers", Caller),
    ("/tidepool.v1.DirectoryService/GetDepartment", Caller),
    ("/tidepool.v1.DirectoryService/ListDepartments", Caller),
    ("/tidepool.v1.DirectoryService/GetGroup", Caller),
    ("/tidepool.v1.DirectoryService/ListGroups", Caller),
    ("/tidepool.v1.PoolService/CreatePool", CONFIGURE),
    ("/tidepool.v1.PoolService/GetPool", CONFIGURE),
    ("/tidepool.v1.PoolService/ListPools", CONFIGURE),
    ("/tidepool.v1.PoolService/UpdatePool", CONFIGURE),
    ("/tidepool.v1.PoolService/EnablePool", CONFIGURE),
    ("/tidepool.v1.PoolService/DisablePool", CONFIGURE),
    ("/tidepool.v1.PoolService/DeletePool", CONFIGURE),
    ("/tidepool.v1.PoolService/GetPoolCounters", CONFIGURE),
    ("/tidepool.v1.CirculationService/ClaimAccount", FOR_USERS),
    ("/tidepool.v1.CirculationService/BulkClaimAccounts", FOR_USERS),
    ("/tidepool.v1.CirculationService/AssignAccount", FOR_USERS),
    ("/tidepool.v1.CirculationService/BulkAssignAccounts", FOR_USERS),
    ("/tidepool.v1.CirculationService/ChangeAccountOwner", FOR_USERS),
    ("/tidepool.v1.CirculationService/BulkChangeAccountOwners", FOR_USERS),
    ("/tidepool.v1.CirculationService/ReturnAccount", FOR_USERS),
    ("/tidepool.v1.CirculationService/BulkReturnAccounts", FOR_USERS),
    ("/tidepool.v1.CirculationService/ReclaimAccount", FOR_USERS),
    ("/tidepool.v1.CirculationService/BulkReclaimAccounts", FOR_USERS),
    ("/tidepool.v1.CirculationService/TransferAccount", FOR_USERS),
    ("/tidepool.v1.CirculationService/BulkTransferAccounts", FOR_USERS),
    ("/tidepool.v1.CirculationService/AddAccountToPool", FOR_USERS),
    ("/tidepool.v1.CirculationService/BulkAddAccountsToPool", FOR_USERS),
    ("/tidepool.v1.CirculationService/RemoveAccountFromPool", FOR_USERS),
    ("/tidepool.v1.CirculationService/BulkRemoveAccountsFromPool", FOR_USERS),
    ("/tidepool.v1.AccountService/CreateAccount", FOR_USERS),
    ("/tidepool.v1.AccountService/BulkCreateAccounts", FOR_USERS),
    ("/tidepool.v1.AccountService/ImportAccounts", FOR_USERS),
    ("/tidepool.v1.AccountService/GetAccount", FOR_USERS),
    ("/tidepool.v1.AccountService/BatchGetAccounts", FOR_USERS),
    ("/tidepool.v1.RetentionRuleService/CreateReclaimRule", CONFIGURE),
    ("/tidepool.v1.RetentionRuleService/GetReclaimRule", CONFIGURE),
    ("/tidepool.v1.RetentionRuleService/ListReclaimRules", CONFIGURE),
    ("/tidepool.v1.RetentionRuleService/UpdateReclaimRule", CONFIGURE),
    ("/tidepool.v1.RetentionRuleService/ReorderReclaimRules", CONFIGURE),
    ("/tidepool.v1.RetentionRuleService/EnableReclaimRule", CONFIGURE),
    ("/tidepool.v1.RetentionRuleService/DisableReclaimRule", CONFIGURE),
    ("/tidepool.v1.RetentionRuleService/DeleteReclaimRule", CONFIGURE),
    ("/tidepool.v1.RetentionExceptionService/UndoReclaim", FOR_USERS),
    ("/tidepool.v1.RetentionExceptionService/ExtendRetention", FOR_USERS),
    ("/tidepool.v1.RetentionExceptionService/LockAccount", FOR_USERS),
    ("/tidepool.v1.RetentionExceptionService/UnlockAccount", FOR_USERS),
    ("/tidepool.v1.RetentionExceptionService/SetEmbargo", FOR_USERS),
    ("/tidepool.v1.RetentionExceptionService/ClearEmbargo", FOR_USERS),
    ("/tidepool.v1.RetentionExceptionService/ListDisputedReclaims", FOR_USERS),
    ("/tidepool.v1.RetentionExceptionService/CreateUserAbsence", CONFIGURE),
    ("/tidepool.v1.RetentionExceptionService/ListUserAbsences", CONFIGURE),
    ("/tidepool.v1.RetentionExceptionService/EndUserAbsence", CONFIGURE),
    ("/tidepool.v1.RetentionExceptionService/DeleteUserAbsence", CONFIGURE),
    ("/tidepool.v1.RetentionExceptionService/CreateRetentionPause", CONFIGURE),
    ("/tidepool.v1.RetentionExceptionService/ListRetentionPauses", CONFIGURE),
    ("/tidepool.v1.RetentionExceptionService/EndRetentionPause", CONFIGURE),
    ("/tidepool.v1.RetentionRuleService/ChooseRetentionDepartment", CONFIGURE),
    (
        "/tidepool.v1.RetentionRuleService/UnchooseRetentionDepartment",
        CONFIGURE,
    ),
    ("/tidepool.v1.RetentionRuleService/ListAmbiguousEmployees", CONFIGURE),
    ("/tidepool.v1.ReminderRuleService/CreateReminderRule", CONFIGURE),
    ("/tidepool.v1.ReminderRuleService/GetReminderRule", CONFIGURE),
    ("/tidepool.v1.ReminderRuleService/ListReminderRules", CONFIGURE),
    ("/tidepool.v1.ReminderRuleService/UpdateReminderRule", CONFIGURE),
    ("/tidepool.v1.ReminderRuleService/EnableReminderRule", CONFIGURE),
    ("/tidepool.v1.ReminderRuleService/DisableReminderRule", CONFIGURE),
    ("/tidepool.v1.ReminderRuleService/DeleteReminderRule", CONFIGURE),
    ("/tidepool.v1.AccountService/CancelAccount", FOR_USERS),
    ("/tidepool.v1.AccountService/RestoreAccount", FOR_USERS),
    ("/tidepool.v1.AccountService/DeleteAccount", FOR_USERS),
    ("/tidepool.v1.TeamService/ListTeamMembers", FOR_USERS),
    ("/tidepool.v1.TeamService/PutTeamMember", FOR_USERS),
    ("/tidepool.v1.TeamService/RemoveTeamMember", FOR_USERS),
    ("/tidepool.v1.HistoryService/ListTenures", FOR_USERS),
    ("/tidepool.v1.HistoryService/ListAccountEvents", FOR_USERS),
    ("/tidepool.v1.HistoryService/ListTimeline", FOR_USERS),
    ("/tidepool.v1.RelatedObjectService/ListRelatedObjects", FOR_USERS),
    ("/tidepool.v1.RelatedObjectService/GetAccountSummary", FOR_USERS),
    ("/tidepool.v1.AccountService/ListAccounts", FOR_USERS),
    ("/tidepool.v1.AccountService/UpdateAccount", FOR_USERS),
    ("/tidepool.v1.AccountService/CopyAccount", FOR_USERS),
    ("/tidepool.v1.RetentionLimitService/CreateRetentionLimit", CONFIGURE),
    ("/tidepool.v1.RetentionLimitService/GetRetentionLimit", CONFIGURE),
    ("/tidepool.v1.RetentionLimitService/ListRetentionLimits", CONFIGURE),
    ("/tidepool.v1.RetentionLimitService/UpdateRetentionLimit", CONFIGURE),
    ("/tidepool.v1.RetentionLimitService/DeleteRetentionLimit", CONFIGURE),
    ("/tidepool.v1.RetentionLimitService/ExplainRetentionLimit", CONFIGURE),
    ("/tidepool.v1.RetentionService/ExplainRetention", FOR_USERS),
    ("/tidepool.v1.RetentionService/PreviewReclaimRuleChange", CONFIGURE),
    ("/tidepool.v1.CustomFieldService/CreateCustomField", CONFIGURE),
    ("/tidepool.v1.CustomFieldService/GetCustomField", Caller),
    ("/tidepool.v1.CustomFieldService/ListCustomFields", Caller),
    ("/tidepool.v1.CustomFieldService/UpdateCustomField", CONFIGURE),
    ("/tidepool.v1.CustomFieldService/DeleteCustomField", CONFIGURE),
    (
        "/tidepool.v1.ActivityService/RecordActivities",
        ActorOr(&[Admin, Ingest]),
    ),
    (
        "/tidepool.v1.ActivityService/IngestActivities",
        ActorOr(&[Admin, Ingest]),
    ),
    ("/tidepool.v1.ActivityService/ListActivities", FOR_USERS),
    ("/tidepool.v1.ActivitySourceService/RegisterActivitySource", SOURCES),
    ("/tidepool.v1.ActivitySourceService/GetActivitySource", SOURCES),
    ("/tidepool.v1.ActivitySourceService/ListActivitySources", CONFIGURE),
    ("/tidepool.v1.ActivitySourceService/EnableActivitySource", CONFIGURE),
    ("/tidepool.v1.ActivitySourceService/DisableActivitySource", CONFIGURE),
    ("/tidepool.v1.ActivitySourceService/DeleteActivitySource", CONFIGURE),
    ("/tidepool.v1.ActivityRuleService/GetActivityRules", Caller),
    ("/tidepool.v1.ActivityRuleService/UpdateActivityRules", CONFIGURE),
    ("/tidepool.v1.ActivityRuleService/ListActivityKinds", Caller),
    ("/tidepool.v1.ActivityRuleService/CreateActivityKind", CONFIGURE),
    ("/tidepool.v1.ActivityRuleService/UpdateActivityKind", CONFIGURE),
    ("/tidepool.v1.ActivityRuleService/DeleteActivityKind", CONFIGURE),
    ("/tidepool.v1.ActivityRuleService/RecomputeDealStatus", FOR_USERS),
    ("/tidepool.v1.SweepService/Heartbeat", OneOf(&[Admin, Ingest])),
    ("/tidepool.v1.SweepService/GetSweepStatus", CONFIGURE),
    ("/tidepool.v1.SweepService/ListReclaimBreakers", CONFIGURE),
    ("/tidepool.v1.SweepService/ConfirmReclaims", CONFIGURE),
    ("/tidepool.v1.SweepService/PreviewReclaim", CONFIGURE),
    ("/tidepool.v1.SweepService/GetReplan", CONFIGURE),
    ("/tidepool.v1.JobService/StartAssignMatching", FOR_USERS),
    ("/tidepool.v1.JobService/StartTransferMatching", FOR_USERS),
    ("/tidepool.v1.JobService/StartReleaseOwner", JOBS),
    ("/tidepool.v1.JobService/StartTransferPool", FOR_USERS),
    ("/tidepool.v1.JobService/GetJob", JOBS),
    ("/tidepool.v1.JobService/ListJobs", JOBS),
    ("/tidepool.v1.JobService/ListJobItems", JOBS),
    ("/tidepool.v1.JobService/CancelJob", JOBS),
    ("/tidepool.v1.JobService/WatchJob", JOBS),
    ("/tidepool.v1.EventService/WatchEvents", FOLLOW),
    ("/tidepool.v1.EventService/ListEvents", FOLLOW),
    ("/tidepool.v1.WebhookService/CreateWebhook", FOLLOW),
    ("/tidepool.v1.WebhookService/GetWebhook", FOLLOW),
    ("/tidepool.v1.WebhookService/ListWebhooks", FOLLOW),
    ("/tidepool.v1.WebhookService/UpdateWebhook", FOLLOW),
    ("/tidepool.v1.WebhookService/EnableWebhook", FOLLOW),
    ("/tidepool.v1.WebhookService/DisableWebhook", FOLLOW),
    ("/tidepool.v1.WebhookService/DeleteWebhook", FOLLOW),
    ("/tidepool.v1.WebhookService/RotateWebhookSecret", FOLLOW),
    ("/tidepool.v1.WebhookService/TestWebhook", FOLLOW),
    ("/tidepool.v1.WebhookService/ListDeadLetters", FOLLOW),
    ("/tidepool.v1.WebhookService/ReplayDeadLetters", FOLLOW),
    ("/tidepool.v1.WebhookService/ReplayEvents", FOLLOW),
    ("/grpc.health.v1.Health/Check", Nothing),
    ("/grpc.health.v1.Health/List", Nothing),
    ("/grpc.health.v1.Health/Watch", Nothing),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Nothing),
    (
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        Nothing,
    ),
];

/// What the method at `path` needs; `None` for a method that nobody thought about.
#[must_use]
pub fn needs(path: &str) -> Option<Needs> {
    METHODS
        .iter()
        .find(|(method, _)| *method == path)
        .map(|(_, needs)| *needs)
}

/// Methods whose callers send one message after the other, for longer than others may take.
const FED: &[&str] = &[
    "/tidepool.v1.AccountService/ImportAccounts",
    "/tidepool.v1.ActivityService/IngestActivities",
];

/// Whether callers of the method at `path` send a stream.
#[must_use]
pub fn is_fed(path: &str) -> bool {
    FED.contains(&path)
}

/// The full name of the method at `path`, `package.Service/Method`, if it is one of these.
#[must_use]
pub fn known(path: &str) -> Option<&'static str> {
    let (method, _) = METHODS.iter().find(|(method, _)| *method == path)?;
    method.strip_prefix('/')
}

/// The scopes that would allow the call, if what it has does not.
#[must_use]
pub fn missing(needs: Needs, call: &Call) -> Option<Vec<Scope>> {
    let any = |scopes: &[Scope]| scopes.iter().any(|scope| call.has(*scope));
    // Acting for a user is a right of its own, whatever the method.
    if call.actor.is_some() && !any(&[Scope::ActAs, Admin]) {
        return Some(vec![Scope::ActAs]);
    }
    match needs {
        Nothing | Caller => None,
        ActorOr(_) if call.actor.is_some() => None,
        ActorOr(scopes) | OneOf(scopes) => (!any(scopes)).then(|| scopes.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::proto::DESCRIPTORS;
    use prost::Message as _;
    use std::collections::BTreeSet;

    #[test]
    fn every_method_has_a_row_and_every_row_a_method() {
        let set = prost_types::FileDescriptorSet::decode(DESCRIPTORS).unwrap();
        let (mut declared, mut fed) = (BTreeSet::new(), Vec::new());
        for file in &set.file {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    if method.client_streaming() {
                        fed.push(path.clone());
                    }
                    declared.insert(path);
                }
            }
        }
        let listed: BTreeSet<_> = METHODS
            .iter()
            .map(|(path, _)| (*path).to_owned())
            .filter(|path| path.starts_with("/tidepool"))
            .collect();
        assert_eq!(declared, listed);
        assert_eq!(fed, FED);
    }
}
