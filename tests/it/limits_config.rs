//! Retention limits: created, read, changed, deleted.

use crate::harness::{Refused, Server};
use tidepool::{
    app::call::Scope,
    domain::refusal::Reason,
    rpc::proto::{
        self, Department, Group, RetentionLimit, RetentionLimitDepartment, RetentionLimitExplanation,
        RetentionLimitLoss as Loss, RetentionLimitSubjects, RetentionLimitWarning, User,
    },
};
use tonic::Code;

/// company > sales; zoe supervises ann and bob, who work in sales; ann is in the group "keys"; cid is nowhere.
pub(crate) async fn organisation(server: &Server) {
    let department = |id: &str, parent: &str| Department {
        id: id.into(),
        display_name: id.into(),
        parent: parent.into(),
        ..Department::default()
    };
    let request = proto::BatchUpsertDepartmentsRequest {
        departments: vec![department("company", ""), department("sales", "company")],
        ..Default::default()
    };
    server
        .admin()
        .directory()
        .batch_upsert_departments(request)
        .await
        .unwrap();
    let groups = ["keys", "new"].map(|id| Group {
        id: id.into(),
        display_name: id.into(),
        ..Group::default()
    });
    let request = proto::BatchUpsertGroupsRequest {
        groups: groups.into(),
        ..Default::default()
    };
    server.admin().directory().batch_upsert_groups(request).await.unwrap();
    let user = |id: &str, supervisor: &str, department: &str, groups: &[&str]| User {
        id: id.into(),
        display_name: id.into(),
        active: true,
        supervisor: supervisor.into(),
        primary_department: department.into(),
        groups: groups.iter().map(ToString::to_string).collect(),
        ..User::default()
    };
    let request = proto::BatchUpsertUsersRequest {
        users: vec![
            user("zoe", "", "company", &[]),
            user("ann", "zoe", "sales", &["keys"]),
            user("bob", "zoe", "sales", &["keys", "new"]),
            user("cid", "", "", &[]),
        ],
        ..Default::default()
    };
    server.admin().directory().batch_upsert_users(request).await.unwrap();
}

pub(crate) fn limit(name: &str, limit: i32, subjects: RetentionLimitSubjects) -> RetentionLimit {
    RetentionLimit {
        display_name: name.into(),
        limit: Some(limit),
        subjects: Some(subjects),
        ..RetentionLimit::default()
    }
}

pub(crate) fn users(ids: &[&str]) -> RetentionLimitSubjects {
    RetentionLimitSubjects {
        users: ids.iter().map(ToString::to_string).collect(),
        ..RetentionLimitSubjects::default()
    }
}

pub(crate) fn groups(ids: &[&str]) -> RetentionLimitSubjects {
    RetentionLimitSubjects {
        groups: ids.iter().map(ToString::to_string).collect(),
        ..RetentionLimitSubjects::default()
    }
}

pub(crate) fn department(id: &str, include_sub_departments: bool) -> RetentionLimitSubjects {
    RetentionLimitSubjects {
        departments: vec![RetentionLimitDepartment {
            department_id: id.into(),
            include_sub_departments,
        }],
        ..RetentionLimitSubjects::default()
    }
}

pub(crate) fn everybody() -> RetentionLimitSubjects {
    RetentionLimitSubjects {
        tenant_default: true,
        ..RetentionLimitSubjects::default()
    }
}

fn creating(limit: RetentionLimit) -> proto::CreateRetentionLimitRequest {
    proto::CreateRetentionLimitRequest {
        retention_limit: Some(limit),
        ..Default::default()
    }
}

pub(crate) async fn create(server: &Server, limit: RetentionLimit) -> (RetentionLimit, Vec<RetentionLimitWarning>) {
    let answer = server.admin().limits().create_retention_limit(creating(limit)).await;
    let answer = answer.unwrap().into_inner();
    (answer.retention_limit.unwrap(), answer.warnings)
}

pub(crate) fn updating(limit: RetentionLimit, paths: &[&str]) -> proto::UpdateRetentionLimitRequest {
    proto::UpdateRetentionLimitRequest {
        retention_limit: Some(limit),
        update_mask: Some(prost_types::FieldMask {
            paths: paths.iter().map(ToString::to_string).collect(),
        }),
        ..Default::default()
    }
}

fn getting(id: &str) -> proto::GetRetentionLimitRequest {
    proto::GetRetentionLimitRequest {
        retention_limit_id: id.into(),
    }
}

pub(crate) fn explaining(user: &str) -> proto::ExplainRetentionLimitRequest {
    proto::ExplainRetentionLimitRequest { user_id: user.into() }
}

pub(crate) async fn explain(server: &Server, user: &str) -> RetentionLimitExplanation {
    let answer = server.admin().limits().explain_retention_limit(explaining(user)).await;
    answer.unwrap().into_inner().explanation.unwrap()
}

/// R118, R121, R122, R195: a limit for any mix of people, with both switches, is created, read, changed, deleted.
#[tokio::test]
async fn a_limit_is_created_read_changed_and_deleted() {
    let server = Server::start().await;
    organisation(&server).await;
    let mix = RetentionLimitSubjects {
        users: vec!["cid".into()],
        groups: vec!["keys".into()],
        ..department("sales", true)
    };
    let (made, warnings) = create(&server, limit("Sales", 20, mix.clone())).await;
    assert_eq!(made.subjects.as_ref(), Some(&mix));
    // Pools count unless they are told not to; wins do not unless they are told to (4.2).
    assert_eq!(
        (made.limit, made.count_pool_accounts, made.count_won),
        (Some(20), Some(true), false)
    );
    assert_eq!(warnings, []);
    let mut limits = server.admin().limits();
    let read = limits
        .get_retention_limit(getting(&made.id))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(read.retention_limit.as_ref(), Some(&made));

    let new = RetentionLimit {
        id: made.id.clone(),
        etag: made.etag.clone(),
        limit: Some(0),
        count_pool_accounts: Some(false),
        ..RetentionLimit::default()
    };
    let changed = limits
        .update_retention_limit(updating(new.clone(), &["limit", "count_pool_accounts"]))
        .await;
    let changed = changed.unwrap().into_inner().retention_limit.unwrap();
    let expected = RetentionLimit {
        limit: Some(0),
        count_pool_accounts: Some(false),
        etag: changed.etag.clone(),
        update_time: changed.update_time,
        ..made.clone()
    };
    assert_eq!(changed, expected);
    assert_ne!(changed.etag, made.etag);
    let stale = limits.update_retention_limit(updating(new.clone(), &["limit"])).await;
    stale.refused(Code::Aborted, Reason::EtagMismatch);
    let nothing_new = limits
        .update_retention_limit(updating(changed.clone(), &["*"]))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(nothing_new.retention_limit, Some(changed.clone()));
    let unknown = limits
        .update_retention_limit(updating(changed.clone(), &["colour"]))
        .await;
    unknown.refused(Code::InvalidArgument, Reason::FieldNotUpdatable);
    // A number that was forgotten is not 0.
    let forgotten = RetentionLimit {
        limit: None,
        ..changed.clone()
    };
    let said = limits
        .update_retention_limit(updating(forgotten, &["*"]))
        .await
        .violations();
    assert_eq!(said, ["retention_limit.limit: must be set"]);

    let delete = |etag: &str| proto::DeleteRetentionLimitRequest {
        retention_limit_id: made.id.clone(),
        etag: etag.into(),
        request_id: "delete-1".into(),
    };
    let stale = limits.delete_retention_limit(delete(&made.etag)).await;
    stale.refused(Code::Aborted, Reason::EtagMismatch);
    for _ in 0..2 {
        limits.delete_retention_limit(delete(&changed.etag)).await.unwrap();
    }
    let gone = limits.get_retention_limit(getting(&made.id)).await;
    gone.refused(Code::NotFound, Reason::NotFound);

    let events = proto::ListConfigEventsRequest {
        resource_type: "limit_rule".into(),
        resource: made.id.clone(),
        ..Default::default()
    };
    let events = server
        .admin()
        .tenants()
        .list_config_events(events)
        .await
        .unwrap()
        .into_inner()
        .config_events;
    let actions: Vec<_> = events.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, ["deleted", "updated", "created"]);
    server.stop().await;
}

/// D54: everything that is wrong is named at once.
#[tokio::test]
async fn a_wrong_limit_is_refused_with_everything_that_is_wrong() {
    let server = Server::start().await;
    organisation(&server).await;
    let wrong = RetentionLimit {
        priority: Some(0),
        ..limit(
            "",
            10_000,
            RetentionLimitSubjects {
                users: vec!["ann".into(), "nobody".into(), "ann".into()],
                groups: vec!["nothing".into()],
                tenant_default: true,
                ..department("nowhere", false)
            },
        )
    };
    let said = server
        .admin()
        .limits()
        .create_retention_limit(creating(wrong))
        .await
        .violations();
    for field in [
        "display_name",
        "limit",
        "priority",
        "subjects.tenant_default",
        "subjects.users[1]",
        "subjects.users[2]",
        "subjects.groups[0]",
        "subjects.departments[0].department_id",
    ] {
        let named = said
            .iter()
            .filter(|line| line.starts_with(&format!("retention_limit.{field}: ")))
            .count();
        assert_eq!(named, 1, "{field}: {said:?}");
    }
    let nobody = limit("Nobody", 1, RetentionLimitSubjects::default());
    let said = server
        .admin()
        .limits()
        .create_retention_limit(creating(nobody))
        .await
        .violations();
    assert_eq!(
        said,
        ["retention_limit.subjects: must name somebody, or be the tenant's default"]
    );
    let negative = limit("Negative", -1, everybody());
    let said = server
        .admin()
        .limits()
        .create_retention_limit(creating(negative))
        .await
        .violations();
    assert_eq!(said, ["retention_limit.limit: must not be negative"]);
    server.stop().await;
}

/// Only CRM admins of the tenant know of its limits, whether there are any or not.
#[tokio::test]
async fn limits_are_for_admins_of_their_tenant() {
    let server = Server::start().await;
    organisation(&server).await;
    let (made, _) = create(&server, limit("All", 5, everybody())).await;
    for id in [made.id.as_str(), "01890a5d-ac96-774b-bcce-b302099a8057"] {
        let read = server.user("zoe").limits().get_retention_limit(getting(id)).await;
        read.refused(Code::PermissionDenied, Reason::NotAuthorized);
        let target = RetentionLimit {
            id: id.into(),
            ..limit("Mine", 99, everybody())
        };
        let changed = server
            .user("zoe")
            .limits()
            .update_retention_limit(updating(target, &["limit"]))
            .await;
        changed.refused(Code::PermissionDenied, Reason::NotAuthorized);
    }
    let made_by_user = server
        .user("zoe")
        .limits()
        .create_retention_limit(creating(limit("Mine", 9, everybody())))
        .await;
    made_by_user.refused(Code::PermissionDenied, Reason::NotAuthorized);
    let listed = server
        .user("zoe")
        .limits()
        .list_retention_limits(proto::ListRetentionLimitsRequest::default())
        .await;
    listed.refused(Code::PermissionDenied, Reason::NotAuthorized);

    server.create_tenant("other").await;
    let other = server.caller("other", "console", &[Scope::Admin]);
    let crossing = other.limits().get_retention_limit(getting(&made.id)).await;
    crossing.refused(Code::NotFound, Reason::NotFound);
    let crossing = other.limits().explain_retention_limit(explaining("ann")).await;
    crossing.refused(Code::NotFound, Reason::NotFound);
    server.stop().await;
}

/// Pages follow creation, and the same request is carried out once.
#[tokio::test]
async fn limits_are_listed_in_pages() {
    let server = Server::start().await;
    organisation(&server).await;
    for n in 0..5 {
        let request = proto::CreateRetentionLimitRequest {
            request_id: format!("limit-{n}"),
            ..creating(limit(&format!("limit {n}"), n, users(&["ann"])))
        };
        let first = server
            .admin()
            .limits()
            .create_retention_limit(request.clone())
            .await
            .unwrap()
            .into_inner();
        let again = server
            .admin()
            .limits()
            .create_retention_limit(request)
            .await
            .unwrap()
            .into_inner();
        assert_eq!(first, again);
        assert_eq!(first.warnings.len(), usize::try_from(n).unwrap());
    }
    let (mut names, mut token) = (Vec::new(), String::new());
    loop {
        let request = proto::ListRetentionLimitsRequest {
            page_size: 2,
            page_token: token,
        };
        let page = server
            .admin()
            .limits()
            .list_retention_limits(request)
            .await
            .unwrap()
            .into_inner();
        names.extend(page.retention_limits.into_iter().map(|limit| limit.display_name));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["limit 0", "limit 1", "limit 2", "limit 3", "limit 4"]);
    server.stop().await;
}

/// 4.5: a tie is saved, and said; a priority ends it.
#[tokio::test]
async fn a_tie_is_a_warning() {
    let server = Server::start().await;
    organisation(&server).await;
    let (keys, warnings) = create(&server, limit("Keys", 20, groups(&["keys"]))).await;
    assert_eq!(warnings, []);
    let (new, warnings) = create(&server, limit("New", 30, groups(&["new"]))).await;
    let [warning] = &warnings[..] else {
        panic!("{warnings:?}")
    };
    assert_eq!(warning.retention_limit_id, keys.id);
    assert_eq!((warning.user_count, warning.example_user_id.as_str()), (1, "bob"));
    let losing = explain(&server, "bob").await;
    assert_eq!(losing.winner.unwrap().retention_limit_id, keys.id);
    assert_eq!(losing.losers[0].loss(), Loss::LargerLimit);

    let first = RetentionLimit {
        priority: Some(1),
        ..new.clone()
    };
    let answer = server
        .admin()
        .limits()
        .update_retention_limit(updating(first, &["priority"]))
        .await
        .unwrap();
    assert_eq!(answer.into_inner().warnings, []);
    // Obeyed from the next call on.
    let winning = explain(&server, "bob").await;
    assert_eq!(winning.winner.unwrap().retention_limit_id, new.id);
    assert_eq!(winning.losers[0].loss(), Loss::Priority);
    server.stop().await;
}
