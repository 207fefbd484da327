//! Activities come in, in all the ways there are: registered sources, accounts by the ids of other systems, calls that
//! share transactions, streams.

pub(crate) mod coalesced;
mod misuse;
mod order;
mod parked;
mod plan;
mod replayed;
mod sources;
mod stream;
mod traced;
mod twice;
mod unanswered;

use crate::{
    activities::told,
    harness::{Client, Refused},
    world::{World, claim, open_pool},
};
use chrono::{DateTime, Utc};
use tidepool::rpc::proto::{
    self, Account, Activity, NewAccount, RecordActivitiesRequest, RecordOutcome,
    record_activities_response::Result as Told,
};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// What came of an activity: the outcome, or the reason of the refusal.
type Came = Result<RecordOutcome, String>;

fn reason(status: &tonic_types::Status) -> String {
    let bytes = prost::Message::encode_to_vec(status);
    let status = Status::with_details(Code::from(status.code), status.message.clone(), bytes.into());
    status.get_error_details().error_info().unwrap().reason.clone()
}

fn came(results: Vec<Told>) -> Vec<Came> {
    let came = |result: Told| match result.status.as_ref().unwrap() {
        status if status.code == 0 => Ok(result.outcome()),
        status => Err(reason(status)),
    };
    results.into_iter().map(came).collect()
}

/// Tells of these, and says what came of it.
async fn tell(client: &Client, request: RecordActivitiesRequest) -> Result<Vec<Came>, Status> {
    let answer = client.activities().record_activities(request).await?;
    Ok(came(answer.into_inner().results))
}

fn of(activities: Vec<Activity>) -> RecordActivitiesRequest {
    RecordActivitiesRequest {
        activities,
        ..Default::default()
    }
}

/// The same, to wait for their accounts if need be.
fn waiting(activities: Vec<Activity>) -> RecordActivitiesRequest {
    RecordActivitiesRequest {
        buffer_unknown: true,
        ..of(activities)
    }
}

/// A follow-up with an account that is named by another system's id.
fn named(event: &str, external: &str, at: DateTime<Utc>) -> Activity {
    Activity {
        external_account_id: external.into(),
        object_id: String::new(),
        ..told(event, "", "sales_record.created", at)
    }
}

/// A follow-up without an object.
fn follow_up(event: &str, account: &str, at: DateTime<Utc>) -> Activity {
    Activity {
        object_id: String::new(),
        ..told(event, account, "sales_record.created", at)
    }
}

const RECORDED: Came = Ok(RecordOutcome::Recorded);
const DUPLICATE: Came = Ok(RecordOutcome::Duplicate);
const BUFFERED: Came = Ok(RecordOutcome::Buffered);

fn refused(reason: &str) -> Came {
    Err(reason.to_owned())
}

/// An account of the pool as another system knows it.
fn known_as(name: &str, pool: &str, external: &str) -> NewAccount {
    NewAccount {
        account: Some(Account {
            name: name.into(),
            external_id: external.into(),
            ..Account::default()
        }),
        pool_id: pool.into(),
        owner: String::new(),
    }
}

impl World {
    /// Creates an account that another system knows under this id, and says ours.
    async fn known_as(&self, name: &str, pool: &str, external: &str) -> String {
        let request = proto::CreateAccountRequest {
            new_account: Some(known_as(name, pool, external)),
            ..Default::default()
        };
        let made = self.server.admin().accounts().create_account(request).await.unwrap();
        made.into_inner().account.unwrap().id
    }

    /// The activities of the account, the latest first.
    async fn shown(&self, account: &str) -> Vec<Activity> {
        let request = proto::ListActivitiesRequest {
            account_id: account.into(),
            page_size: 500,
            ..Default::default()
        };
        let listed = self.server.admin().activities().list_activities(request).await.unwrap();
        listed.into_inner().activities
    }

    /// How many rows there are.
    async fn rows(&self, from: &str) -> i64 {
        use sea_orm::ConnectionTrait;
        use secrecy::ExposeSecret;
        let url = self.server.config.database.url.expose_secret();
        let db = sea_orm::Database::connect(url).await.unwrap();
        let count = format!("SELECT COUNT(*) AS number FROM {from}");
        let statement = sea_orm::Statement::from_string(db.get_database_backend(), count);
        let row = db.query_one_raw(statement).await.unwrap().unwrap();
        db.close().await.unwrap();
        row.try_get("", "number").unwrap()
    }
}

/// R007: an account may be named by the id that another system gave it; by exactly one of the two.
#[tokio::test]
async fn accounts_are_known_under_two_ids() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.known_as("Acme", &pool, "erp-1").await;
    let now = world.server.clock.now();
    let source = world.source("erp");
    let both = Activity {
        account_id: id.clone(),
        ..named("e3", "erp-1", now)
    };
    let request = of(vec![
        named("e1", "erp-1", now),
        named("e2", "erp-2", now),
        both.clone(),
        follow_up("e4", "", now),
        named("e5", "no id at all", now),
    ]);
    let invalid = || refused("INVALID_ARGUMENT");
    assert_eq!(
        tell(&source, request.clone()).await.unwrap(),
        [RECORDED, refused("NOT_FOUND"), invalid(), invalid(), invalid()]
    );
    let shown = world.shown(&id).await;
    assert_eq!((shown.len(), shown[0].account_id.as_str()), (1, id.as_str()));
    assert_eq!(
        world.account(&id).await.last_follow_up_time,
        crate::activities::time(now)
    );
    // What counts as the same is what the source said: the account's other name is another word.
    assert_eq!(
        tell(&source, of(vec![named("e1", "erp-1", now)])).await.unwrap(),
        [DUPLICATE]
    );
    let reused = tell(&source, of(vec![follow_up("e1", &id, now)])).await.unwrap();
    assert_eq!(reused, [refused("EVENT_ID_REUSED")]);
    world.stop().await;
}

/// The same name in two tenants is two accounts.
#[tokio::test]
async fn other_tenants_accounts_are_unknown() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.known_as("Acme", &pool, "erp-1").await;
    world.server.create_tenant("other").await;
    let now = world.server.clock.now();
    let stranger = world
        .server
        .caller("other", "erp", &[tidepool::app::call::Scope::Ingest]);
    let request = of(vec![named("e1", "erp-1", now), follow_up("e2", &id, now)]);
    assert_eq!(
        tell(&stranger, request).await.unwrap(),
        [refused("NOT_FOUND"), refused("NOT_FOUND")]
    );
    // What waits there never finds ours.
    assert_eq!(
        tell(&stranger, waiting(vec![named("e3", "erp-1", now)])).await.unwrap(),
        [BUFFERED]
    );
    world.sweep().await;
    assert_eq!(world.rows("parked_activity").await, 1);
    assert!(world.shown(&id).await.is_empty());
    world.stop().await;
}

/// Only services may let activities wait: a user tells of accounts that he can read.
#[tokio::test]
async fn users_do_not_wait() {
    let world = World::start().await;
    let request = waiting(vec![named("e1", "erp-1", world.server.clock.now())]);
    let violations = tell(&world.user("bob"), request).await.violations();
    assert_eq!(violations, ["buffer_unknown: must not be set in calls for a user"]);
    world.stop().await;
}

/// R187: a user tells of what he reads, also as one above a member of the team; of any other account he learns nothing, not
/// even that there is one.
#[tokio::test]
async fn users_tell_of_what_they_read() {
    let world = World::start().await;
    let pool = proto::Pool {
        administrators: vec!["root".into()],
        ..open_pool("North")
    };
    let pool = world.pool(pool).await;
    let id = world.known_as("Acme", &pool, "erp-1").await;
    world.user("dan").circulation().claim_account(claim(&id)).await.unwrap();
    let member = proto::TeamMember {
        user_id: "bob".into(),
        role: proto::TeamRole::JointFollowUp.into(),
        access: proto::TeamAccess::Read.into(),
        ..Default::default()
    };
    let request = proto::PutTeamMemberRequest {
        account_id: id.clone(),
        team_member: Some(member),
        ..Default::default()
    };
    world.user("dan").teams().put_team_member(request).await.unwrap();
    let now = world.server.clock.now();
    for (user, event) in [("bob", "e1"), ("ann", "e2")] {
        let request = of(vec![named(event, "erp-1", now)]);
        assert_eq!(tell(&world.user(user), request).await.unwrap(), [RECORDED], "{user}");
    }
    let mut answers = Vec::new();
    for external in ["erp-1", "erp-2"] {
        let request = of(vec![named("e3", external, now)]);
        let answer = world.user("cid").activities().record_activities(request).await.unwrap();
        let status = answer.into_inner().results[0].status.clone().unwrap();
        let text = format!("{status:?}").replace(external, "");
        answers.push((text.contains(&id), status.message.replace(external, "")));
    }
    assert_eq!(answers[0], answers[1]);
    assert!(!answers[0].0);
    world.stop().await;
}
