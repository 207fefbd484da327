//! R142: an employee in several departments that have rules is under exactly one of them.

use super::{create, departments::of};
use crate::{
    build::{events, push_users},
    harness::{Client, Refused},
    reclaim_rules::delete,
    world::{World, open_pool, user},
};
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{self, ReclaimRule, RetentionDepartments, User},
};
use tonic::{Code, Status};

async fn choose(client: &Client, user: &str, department: &str, etag: &str) -> Result<RetentionDepartments, Status> {
    let request = proto::ChooseRetentionDepartmentRequest {
        user_id: user.into(),
        department_id: department.into(),
        etag: etag.into(),
        ..Default::default()
    };
    let chosen = client.retention_rules().choose_retention_department(request).await?;
    Ok(chosen.into_inner().departments.unwrap())
}

async fn unchoose(client: &Client, user: &str, etag: &str) -> Result<RetentionDepartments, Status> {
    let request = proto::UnchooseRetentionDepartmentRequest {
        user_id: user.into(),
        etag: etag.into(),
        ..Default::default()
    };
    let done = client.retention_rules().unchoose_retention_department(request).await?;
    Ok(done.into_inner().departments.unwrap())
}

async fn page(
    client: &Client,
    size: i32,
    token: &str,
    chosen: bool,
) -> Result<(Vec<RetentionDepartments>, String), Status> {
    let request = proto::ListAmbiguousEmployeesRequest {
        page_size: size,
        page_token: token.into(),
        include_chosen: chosen,
    };
    let listed = client
        .retention_rules()
        .list_ambiguous_employees(request)
        .await?
        .into_inner();
    Ok((listed.employees, listed.next_page_token))
}

/// The employee and the department in effect.
fn brief(employees: &[RetentionDepartments]) -> Vec<(&str, &str)> {
    employees
        .iter()
        .map(|one| (one.user_id.as_str(), one.department_id.as_str()))
        .collect()
}

/// A world in which `sales` reclaims after 30 days, `service` after 60 and for those below it; answers the two rules.
async fn two_rules() -> (World, ReclaimRule, ReclaimRule) {
    let world = World::start().await;
    let admin = world.server.admin();
    world.departments().await;
    let target = world.pool(open_pool("Target")).await;
    let first = ReclaimRule {
        priority: 5,
        ..of("sales", 30, &target)
    };
    let second = ReclaimRule {
        priority: 3,
        ..of("service", 60, &target)
    };
    let first = create(&admin, first, None).await.unwrap();
    let second = create(&admin, second, None).await.unwrap();
    (world, first, second)
}

/// R142: unless somebody chooses, the primary department's rules are for him, else those of the highest priority; a
/// choice moves deadlines, is recorded, and can be taken back.
#[tokio::test]
async fn somebody_chooses_for_employees_in_several_departments() {
    let (world, ..) = two_rules().await;
    let admin = world.server.admin();
    world.belongs("bob", &["sales", "service", "company"]).await;
    world.belongs("cid", &["", "sales", "service"]).await;
    world.belongs("dan", &["service"]).await;
    let (bobs, cids) = (
        world.create("Bobs", "", "bob").await.id,
        world.create("Cids", "", "cid").await.id,
    );
    assert_eq!(world.deadline(&bobs).await, "2026-03-31 10:00");
    assert_eq!(world.deadline(&cids).await, "2026-04-30 10:00");
    let (listed, _) = page(&admin, 0, "", false).await.unwrap();
    assert_eq!(brief(&listed), [("bob", "sales"), ("cid", "service")]);
    let candidate = |id: &str| proto::RetentionDepartment {
        department_id: id.into(),
        above: false,
    };
    let wanted = RetentionDepartments {
        user_id: "bob".into(),
        candidates: vec![candidate("sales"), candidate("service")],
        department_id: "sales".into(),
        ..Default::default()
    };
    assert_eq!(listed[0], wanted);

    let chosen = choose(&admin, "bob", "service", "").await.unwrap();
    assert_eq!(
        (chosen.department_id.as_str(), chosen.chosen_department_id.as_str()),
        ("service", "service")
    );
    world.sweep().await;
    assert_eq!(world.deadline(&bobs).await, "2026-04-30 10:00");
    assert_eq!(
        brief(&page(&admin, 0, "", false).await.unwrap().0),
        [("cid", "service")]
    );
    let (all, _) = page(&admin, 0, "", true).await.unwrap();
    assert_eq!(
        (brief(&all), &all[0]),
        (vec![("bob", "service"), ("cid", "service")], &chosen)
    );

    // The same once more changes nothing; a state that moved on is refused.
    assert_eq!(choose(&admin, "bob", "service", &chosen.etag).await.unwrap(), chosen);
    let again = choose(&admin, "bob", "sales", &chosen.etag).await.unwrap();
    assert_ne!(again.etag, chosen.etag);
    for stale in [
        choose(&admin, "bob", "service", &chosen.etag).await,
        unchoose(&admin, "bob", &chosen.etag).await,
    ] {
        stale.refused(Code::Aborted, Reason::EtagMismatch);
    }
    let none = unchoose(&admin, "bob", &again.etag).await.unwrap();
    assert_eq!(none, wanted);
    assert_eq!(unchoose(&admin, "bob", "").await.unwrap(), none);
    world.sweep().await;
    assert_eq!(world.deadline(&bobs).await, "2026-03-31 10:00");
    let history = events(&admin, "chosen_department", "").await;
    let actions: Vec<_> = history.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, ["deleted", "updated", "created"]);
    world.stop().await;
}

/// R142: a choice counts for as long as it is one of several; what cannot be chosen is refused by name.
#[tokio::test]
async fn only_what_has_an_effect_is_chosen() {
    let (world, sales, _) = two_rules().await;
    let admin = world.server.admin();
    world.belongs("bob", &["service", "sales"]).await;
    let id = world.create("Acme", "", "bob").await.id;
    let wrong = choose(&admin, "bob", "company", "").await.violations();
    assert_eq!(
        wrong,
        ["department_id: must be one of the departments whose rules could be for the user: service, sales"]
    );
    let none = choose(&admin, "dan", "sales", "").await.violations();
    assert_eq!(
        none,
        ["department_id: none of the user's departments has reclaim rules in use"]
    );
    choose(&admin, "nobody", "sales", "")
        .await
        .refused(Code::NotFound, Reason::NotFound);
    unchoose(&admin, "nobody", "")
        .await
        .refused(Code::NotFound, Reason::NotFound);
    assert_eq!(choose(&admin, "", "", "x").await.violations().len(), 3);
    for refused in [
        choose(&world.user("ann"), "bob", "sales", "").await,
        unchoose(&world.user("ann"), "bob", "").await,
    ] {
        refused.refused(Code::PermissionDenied, Reason::NotAuthorized);
    }
    let listing = page(&world.user("ann"), 0, "", false).await;
    listing.refused(Code::PermissionDenied, Reason::NotAuthorized);

    choose(&admin, "bob", "sales", "").await.unwrap();
    world.sweep().await;
    assert_eq!(world.deadline(&id).await, "2026-03-31 10:00");
    // Its rules go: what is left decides, and there is nothing to choose.
    delete(&admin, &sales.id, "").await.unwrap();
    world.sweep().await;
    assert_eq!(world.deadline(&id).await, "2026-04-30 10:00");
    assert_eq!(page(&admin, 0, "", false).await.unwrap().0, []);
    let (stale, _) = page(&admin, 0, "", true).await.unwrap();
    assert_eq!(
        (stale[0].department_id.as_str(), stale[0].chosen_department_id.as_str()),
        ("service", "sales")
    );
    world.stop().await;
}

/// A repeated choice answers as the first did; the list goes by id, page by page, and knows its tokens.
#[tokio::test]
async fn employees_are_listed_on_pages() {
    let (world, ..) = two_rules().await;
    let admin = world.server.admin();
    let both = |at: i32| User {
        primary_department: "sales".into(),
        other_departments: vec!["service".into()],
        active: at != 3,
        ..user(&format!("u{at}"))
    };
    push_users(&admin, (0..7).map(both).collect()).await;
    let (mut found, mut token) = (vec![], String::new());
    loop {
        let (employees, next) = page(&admin, 2, &token, false).await.unwrap();
        found.extend(employees.into_iter().map(|one| one.user_id));
        token = next;
        if token.is_empty() {
            break;
        }
        let other = page(&admin, 2, &token, true).await;
        other.refused(Code::InvalidArgument, Reason::InvalidPageToken);
    }
    // Who has left owns nothing that somebody should choose for.
    assert_eq!(found, ["u0", "u1", "u2", "u4", "u5", "u6"]);
    let request = proto::ChooseRetentionDepartmentRequest {
        user_id: "u0".into(),
        department_id: "service".into(),
        request_id: "choose-1".into(),
        ..Default::default()
    };
    let mut rules = admin.retention_rules();
    let first = rules
        .choose_retention_department(request.clone())
        .await
        .unwrap()
        .into_inner();
    unchoose(&admin, "u0", "").await.unwrap();
    let again = rules.choose_retention_department(request).await.unwrap().into_inner();
    assert_eq!(first, again);
    assert_eq!(page(&admin, 1, "", false).await.unwrap().0[0].user_id, "u0");
    world.stop().await;
}
