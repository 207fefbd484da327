//! Conditions as those see them who list accounts: what is refused and how, whose time and zone count, what a page costs.

use super::{all, pool_list};
use crate::{
    harness::Refused,
    world::{World, open_pool, user},
};
use chrono::{TimeDelta, TimeZone};
use tidepool::{
    domain::{pool::HIDEABLE_FIELDS, refusal::Reason},
    rpc::proto::{
        self, Account, AccountFilter, AccountScope, AccountSelection, BatchUpsertDepartmentsRequest,
        BatchUpsertUsersRequest, CustomFieldType, Department, JobState, ListAccountsRequest, Pool,
    },
    worker,
};
use tonic::Code;

fn named(name: &str, industry: &str, tags: &[&str]) -> Account {
    Account {
        name: name.into(),
        industry: industry.into(),
        tags: tags.iter().map(ToString::to_string).collect(),
        ..Account::default()
    }
}

/// R131, D26: a condition narrows every scope, together with the other filters, page by page.
#[tokio::test]
async fn conditions_narrow_lists() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    for (name, industry, tags, owner) in [
        ("One", "education", &["vip"][..], ""),
        ("Two", "education", &[], "bob"),
        ("Three", "retail", &["vip"], "bob"),
        ("Four", "education", &["vip", "hot"], "bob"),
        ("Five", "education", &["Vip"], ""),
    ] {
        world.made(named(name, industry, tags), &pool, owner).await;
    }
    let text = "account.industry == \"education\" && \"vip\" in account.tags";
    let (root, ann, bob) = (world.user("root"), world.user("ann"), world.user("bob"));
    assert_eq!(root.named_in(&all(text)).await, ["One", "Four"]);
    assert_eq!(
        ann.named_in(&pool_list(AccountScope::PoolAll, &pool, text)).await,
        ["One", "Four"]
    );
    assert_eq!(
        bob.named_in(&pool_list(AccountScope::PoolUnclaimed, &pool, text)).await,
        ["One"]
    );
    for (scope, client) in [(AccountScope::Mine, &bob), (AccountScope::Team, &ann)] {
        let request = ListAccountsRequest {
            scope: scope.into(),
            ..all(text)
        };
        assert_eq!(client.named_in(&request).await, ["Four"], "{scope:?}");
    }
    let mut request = all(text);
    request.filter.as_mut().unwrap().name_prefix = "four".into();
    assert_eq!(root.named_in(&request).await, ["Four"]);
    let one_by_one = ListAccountsRequest {
        page_size: 1,
        ..all("\"vip\" in account.tags")
    };
    assert_eq!(root.named_in(&one_by_one).await, ["One", "Three", "Four"]);
    // A token is good for its condition and no other.
    let first = root.page(&one_by_one).await.unwrap();
    let other = ListAccountsRequest {
        page_token: first.next_page_token,
        page_size: 1,
        ..all("\"vip\" in account.tags ")
    };
    root.page(&other)
        .await
        .refused(Code::InvalidArgument, Reason::InvalidPageToken);
    world.stop().await;
}

#[tokio::test]
async fn what_is_no_condition_is_refused_with_its_place() {
    let world = World::start().await;
    world.field("tier", CustomFieldType::Choice, &["gold", "silver"]).await;
    let root = world.user("root");
    let deep = format!("{}true{}", "(".repeat(200), ")".repeat(200));
    let long = format!("true{}", " ".repeat(1997));
    for (text, said) in [
        (
            " ",
            "filter.condition: must not be empty; true is the condition that all accounts meet",
        ),
        (
            "industry == \"x\"",
            "filter.condition: line 1, column 1: unknown name industry; write account.industry",
        ),
        (
            "account.won_count == \"1\"",
            "filter.condition: line 1, column 22: account.won_count is a whole number; expected one, such as 3",
        ),
        (
            "account.custom.tier == \"bronze\"",
            "filter.condition: line 1, column 24: account.custom.tier is one of \"gold\", \"silver\", not \"bronze\"",
        ),
        (
            "account.name.matches(\"(a+)+$\")",
            "filter.condition: line 1, column 21: there are no regular expressions; there are startsWith, contains and endsWith",
        ),
        (
            deep.as_str(),
            "filter.condition: line 1, column 17: brackets nest at most 16 deep",
        ),
        (long.as_str(), "filter.condition: must be at most 2000 bytes long"),
    ] {
        assert_eq!(root.page(&all(text)).await.violations(), [said], "{text}");
    }
    // Whoever may not list is told so first.
    let bob = world.user("bob");
    bob.page(&all("nonsense"))
        .await
        .refused(Code::PermissionDenied, Reason::NotAuthorized);
    world.stop().await;
}

/// R097, R168, R169: members cannot ask for what their pool hides of unclaimed accounts, its admins can; what the owner
/// has he can ask for.
#[tokio::test]
async fn hidden_fields_cannot_be_asked_for() {
    let world = World::start().await;
    world.field("size", CustomFieldType::Number, &[]).await;
    let pool = Pool {
        hidden_fields: HIDEABLE_FIELDS.iter().map(ToString::to_string).collect(),
        unclaimed_history_visible: Some(false),
        ..open_pool("Masked")
    };
    let pool = world.pool(pool).await;
    world.made(named("Card", "education", &["vip"]), &pool, "").await;
    world.made(named("Own", "education", &["vip"]), &pool, "bob").await;
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    for field in HIDEABLE_FIELDS.iter().filter(|field| **field != "location") {
        let (condition, named) = match *field {
            "custom_fields" => ("account.custom.size > 0 || true".to_owned(), "custom.size"),
            "tags" => ("!(\"x\" in account.tags)".to_owned(), "tags"),
            field => (format!("has(account.{field}) || true"), field),
        };
        let request = pool_list(AccountScope::PoolUnclaimed, &pool, &condition);
        let details = bob
            .page(&request)
            .await
            .refused(Code::PermissionDenied, Reason::FieldHidden);
        assert_eq!(details.error_info().unwrap().metadata["field"], named);
        assert_eq!(ann.named_in(&request).await, ["Card"], "{condition}");
        let mine = ListAccountsRequest {
            scope: AccountScope::Mine.into(),
            ..all(&condition)
        };
        assert_eq!(bob.named_in(&mine).await, ["Own"]);
    }
    let past = pool_list(AccountScope::PoolUnclaimed, &pool, "account.last_owner != \"cid\"");
    let details = bob
        .page(&past)
        .await
        .refused(Code::PermissionDenied, Reason::FieldHidden);
    assert_eq!(details.error_info().unwrap().metadata["field"], "last_owner");
    let shown = pool_list(
        AccountScope::PoolUnclaimed,
        &pool,
        "account.name.startsWith(\"C\") && created_within_months(1)",
    );
    assert_eq!(bob.named_in(&shown).await, ["Card"]);
    world.stop().await;
}

/// R149: all pages are of the time of the first one, and months are those of the pool's zone.
#[tokio::test]
async fn a_list_is_of_one_time() {
    let world = World::start().await;
    let clock = &world.server.clock;
    // The tenant is in Shanghai; there it is the second of May already.
    let evening = chrono::Utc.with_ymd_and_hms(2026, 5, 1, 20, 0, 0).unwrap();
    clock.advance(evening - clock.now());
    let pool = Pool {
        time_zone: "America/New_York".into(),
        ..open_pool("West")
    };
    let pool = world.pool(pool).await;
    for name in ["One", "Two", "Three"] {
        world.made(named(name, "", &[]), &pool, "").await;
    }
    let list = |text: &str| ListAccountsRequest {
        page_size: 1,
        ..all(text)
    };
    let in_pool = |text: &str| ListAccountsRequest {
        page_size: 1,
        ..pool_list(AccountScope::PoolAll, &pool, text)
    };
    let root = world.user("root");
    let two_hours = "account.create_time > now - duration(\"PT2H\")";
    let mut request = list(two_hours);
    let first = root.page(&request).await.unwrap();
    clock.advance(TimeDelta::hours(3));
    request.page_token = first.next_page_token;
    assert_eq!(root.named_in(&request).await, ["Two", "Three"]);
    assert!(root.named_in(&list(two_hours)).await.is_empty());
    // In New York they were created on the first, so a month is over on the second of June; in Shanghai on the third.
    for (now, west, shanghai) in [
        (chrono::Utc.with_ymd_and_hms(2026, 6, 2, 3, 59, 0).unwrap(), 3, 3),
        (chrono::Utc.with_ymd_and_hms(2026, 6, 2, 4, 0, 0).unwrap(), 0, 3),
        (chrono::Utc.with_ymd_and_hms(2026, 6, 2, 16, 0, 0).unwrap(), 0, 0),
    ] {
        clock.advance(now - clock.now());
        let count = async |request| root.named_in(&request).await.len();
        assert_eq!(count(in_pool("created_within_months(1)")).await, west, "{now}");
        assert_eq!(count(list("created_within_months(1)")).await, shanghai, "{now}");
        assert_eq!(count(list("older_than_months(1)")).await, 3 - shanghai, "{now}");
    }
    world.stop().await;
}

/// A condition is part of the one statement that finds a page.
#[tokio::test]
async fn a_condition_costs_no_statement() {
    let world = World::start().await;
    world.field("size", CustomFieldType::Number, &[]).await;
    let pool = world.pool(open_pool("North")).await;
    world.many_lying("Card", &pool, 5).await;
    let root = world.user("root");
    let mut costs = Vec::new();
    let values = (0..500).map(|_| "1").collect::<Vec<_>>().join(",");
    let many = format!("account.custom.size in [{values}] || account.won_count in [0] || has(account.tags)");
    for text in [
        "",
        "true",
        &many,
        "\"x\" in account.departments || account.name.startsWith(\"C\")",
    ] {
        let before = world.server.db().statements();
        assert_eq!(
            root.named_in(&pool_list(AccountScope::PoolAll, &pool, text))
                .await
                .len(),
            5,
            "{text}"
        );
        costs.push(world.server.db().statements() - before);
    }
    assert!(costs.iter().all(|cost| *cost == costs[0]), "{costs:?}");
    world.stop().await;
}

async fn departments(world: &World, users: &[(&str, &str)]) {
    let department = |id: &str| Department {
        id: id.into(),
        display_name: id.into(),
        ..Department::default()
    };
    let request = BatchUpsertDepartmentsRequest {
        departments: ["sales", "east"].map(department).to_vec(),
        ..Default::default()
    };
    world
        .server
        .admin()
        .directory()
        .batch_upsert_departments(request)
        .await
        .unwrap();
    if !users.is_empty() {
        move_users(world, users).await;
    }
}

async fn move_users(world: &World, users: &[(&str, &str)]) {
    let users = users.iter().map(|(id, department)| proto::User {
        primary_department: (*department).into(),
        ..user(id)
    });
    let request = BatchUpsertUsersRequest {
        users: users.collect(),
        ..Default::default()
    };
    world
        .server
        .admin()
        .directory()
        .batch_upsert_users(request)
        .await
        .unwrap();
}

/// Who is in a department follows the directory at every replica, also where nobody was found before.
#[tokio::test]
async fn departments_are_those_of_the_moment() {
    let world = World::start().await;
    departments(&world, &[("dan", "east")]).await;
    world.made(named("Dans", "", &[]), "", "dan").await;
    let replica = world.server.replica().await;
    let elsewhere = crate::harness::Client {
        channel: replica.channel.clone(),
        ..world.user("root")
    };
    let sales = all("\"sales\" in account.departments");
    assert!(elsewhere.named_in(&sales).await.is_empty());
    assert_eq!(
        elsewhere.named_in(&all("\"east\" in account.departments")).await,
        ["Dans"]
    );
    move_users(&world, &[("dan", "sales")]).await;
    assert_eq!(elsewhere.named_in(&sales).await, ["Dans"]);
    assert!(
        elsewhere
            .named_in(&all("\"east\" in account.departments"))
            .await
            .is_empty()
    );
    replica.stop().await;
    world.stop().await;
}

async fn start(world: &World, source: &str, target: &str, condition: &str) -> Result<proto::Job, tonic::Status> {
    let request = proto::StartTransferMatchingRequest {
        selection: Some(AccountSelection {
            pool_id: source.into(),
            filter: Some(AccountFilter {
                condition: condition.into(),
                ..AccountFilter::default()
            }),
            account_ids: vec![],
        }),
        target_pool_id: target.into(),
        ..Default::default()
    };
    let started = world.user("ann").jobs().start_transfer_matching(request).await?;
    Ok(started.into_inner().job.unwrap())
}

async fn job(world: &World, id: &str) -> proto::Job {
    let request = proto::GetJobRequest { job_id: id.into() };
    world
        .server
        .admin()
        .jobs()
        .get_job(request)
        .await
        .unwrap()
        .into_inner()
        .job
        .unwrap()
}

/// A job is about the accounts that met its condition when it was started, however long it takes.
#[tokio::test]
async fn jobs_take_conditions() {
    let world = World::start().await;
    let field = world.field("tier", CustomFieldType::Choice, &["gold", "silver"]).await;
    let source = world.pool(open_pool("North")).await;
    let target = world.pool(open_pool("South")).await;
    world.made(named("One", "education", &[]), &source, "").await;
    world.made(named("Two", "retail", &[]), &source, "").await;
    let problem = start(&world, &source, &target, "account.industri == \"x\"")
        .await
        .violations();
    assert!(
        problem[0].starts_with("filter.condition: line 1, column 1: unknown field"),
        "{problem:?}"
    );
    let text = "account.industry == \"education\" && account.create_time > now - duration(\"PT1H\") && account.custom.tier != \"gold\"";
    let started = start(&world, &source, &target, text).await.unwrap();
    assert_eq!(started.total, 1);
    world.server.clock.advance(TimeDelta::hours(2));
    // A choice that goes does not stop what was started with it.
    let changed = proto::CustomField {
        choices: vec!["silver".into()],
        ..field.clone()
    };
    world.change_field(changed, &["choices"]).await;
    worker::jobs::once(&world.server.running.app).await.unwrap();
    let done = job(&world, &started.id).await;
    assert_eq!((done.state(), done.moved), (JobState::Succeeded, 1));
    let listed = world
        .user("ann")
        .named_in(&pool_list(AccountScope::PoolAll, &target, "true"))
        .await;
    assert_eq!(listed, ["One"]);

    // A field that goes does: nobody can say any more which accounts are meant.
    let started = start(&world, &source, &target, "has(account.custom.tier) || true")
        .await
        .unwrap();
    let disabled = proto::CustomField {
        enabled: Some(false),
        etag: String::new(),
        ..field.clone()
    };
    world.change_field(disabled, &["enabled"]).await;
    let request = proto::DeleteCustomFieldRequest {
        custom_field_id: field.id,
        ..Default::default()
    };
    world
        .server
        .admin()
        .custom_fields()
        .delete_custom_field(request)
        .await
        .unwrap();
    worker::jobs::once(&world.server.running.app).await.unwrap();
    let failed = job(&world, &started.id).await;
    assert_eq!((failed.state(), failed.moved), (JobState::Failed, 0), "{failed:?}");
    assert!(
        format!("{failed:?}").contains("unknown custom field tier"),
        "{failed:?}"
    );
    world.stop().await;
}

/// Departments are refused in lists where they stand for too many.
#[tokio::test]
async fn departments_that_are_too_large_are_refused() {
    let world = World::start().await;
    departments(&world, &[]).await;
    let ids: Vec<_> = (0..1001).map(|at| format!("u{at:04}")).collect();
    for chunk in ids.chunks(1000) {
        let users: Vec<_> = chunk.iter().map(|id| (id.as_str(), "sales")).collect();
        move_users(&world, &users).await;
    }
    let refused = world
        .user("root")
        .page(&all("\"sales\" in account.departments"))
        .await
        .violations();
    assert!(
        refused[0].starts_with("filter.condition: the departments that it names have 1001 users"),
        "{refused:?}"
    );
    world.stop().await;
}
