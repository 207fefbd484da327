//! Two tenants on one server, as far as accounts go: whatever is asked of an account of the other tenant is answered as it
//! is for an account that does not exist, and changes nothing.
#![expect(clippy::needless_update, reason = "one macro for requests of one field and of many")]

use crate::{
    activities::told,
    harness::Client,
    tenancy::said,
    world::{World, assign, claim, give_back, open_pool, user},
};
use tidepool::{
    app::call::Scope,
    rpc::proto::{self, User},
};

/// Everything that can be asked about an account by its id, with what is said without the id.
async fn ask(client: &Client, id: &str) -> Vec<String> {
    let account_id = || id.to_owned();
    let (mut accounts, mut moves) = (client.accounts(), client.circulation());
    let (mut teams, mut history) = (client.teams(), client.history());
    macro_rules! said_of {
        ($service:ident.$method:ident($request:ident { $($field:ident: $value:expr),* })) => {{
            let request = proto::$request { account_id: account_id(), $($field: $value,)* ..Default::default() };
            said($service.$method(request).await, id)
        }};
    }
    vec![
        said_of!(accounts.get_account(GetAccountRequest {})),
        said_of!(accounts.cancel_account(CancelAccountRequest {})),
        said_of!(accounts.restore_account(RestoreAccountRequest {})),
        said_of!(accounts.delete_account(DeleteAccountRequest {})),
        said_of!(accounts.copy_account(CopyAccountRequest { name: "Another".into() })),
        said(moves.claim_account(claim(id)).await, id),
        said(moves.assign_account(assign(id, "bob")).await, id),
        said(moves.return_account(give_back(id)).await, id),
        said_of!(moves.change_account_owner(ChangeAccountOwnerRequest {
            new_owner: "bob".into()
        })),
        said_of!(moves.reclaim_account(ReclaimAccountRequest {})),
        said_of!(moves.remove_account_from_pool(RemoveAccountFromPoolRequest {})),
        said_of!(teams.list_team_members(ListTeamMembersRequest {})),
        said_of!(history.list_tenures(ListTenuresRequest {})),
        said_of!(history.list_account_events(ListAccountEventsRequest {})),
        said(
            client
                .activities()
                .list_activities(proto::ListActivitiesRequest {
                    account_id: account_id(),
                    ..Default::default()
                })
                .await,
            id,
        ),
    ]
}

/// Accounts of another tenant are accounts that do not exist, for users, CRM admins and services alike.
#[tokio::test]
async fn accounts_of_another_tenant_do_not_exist() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    world.user("bob").circulation().claim_account(claim(&id)).await.unwrap();
    let before = world.account(&id).await;

    // The other tenant has users of the same names.
    world.server.create_tenant("other").await;
    let admin = world.server.caller("other", "console", &[Scope::Admin]);
    let users = vec![
        User {
            roles: vec!["crm-admin".into()],
            ..user("root")
        },
        user("ann"),
        user("bob"),
    ];
    let request = proto::BatchUpsertUsersRequest {
        users,
        ..Default::default()
    };
    admin.directory().batch_upsert_users(request).await.unwrap();
    let acting = |actor: &str| Client {
        actor: actor.into(),
        ..world.server.caller("other", "crm", &[Scope::ActAs])
    };
    let nothing = "01890a5d-ac96-774b-bcce-b302099a8057";
    for client in [acting("root"), acting("bob")] {
        assert_eq!(ask(&client, &id).await, ask(&client, nothing).await);
    }

    // Lists, batches and events of the other tenant do not reach it either.
    let batch = proto::BatchGetAccountsRequest {
        account_ids: vec![id.clone()],
    };
    let read = acting("root")
        .accounts()
        .batch_get_accounts(batch)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(read.accounts, []);
    let source = world.server.caller("other", "crm", &[Scope::Ingest]);
    let activities = vec![told("e1", &id, "sales_record.created", world.server.clock.now())];
    let request = proto::RecordActivitiesRequest {
        activities,
        ..Default::default()
    };
    let answer = source
        .activities()
        .record_activities(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        answer.results[0].status.as_ref().unwrap().code,
        tonic::Code::NotFound as i32
    );
    // The name is free there: duplicates are a matter of one tenant.
    let new_account = proto::NewAccount {
        account: Some(proto::Account {
            name: "Acme".into(),
            ..Default::default()
        }),
        owner: "bob".into(),
        ..Default::default()
    };
    let request = proto::CreateAccountRequest {
        new_account: Some(new_account),
        ..Default::default()
    };
    admin.accounts().create_account(request).await.unwrap();

    assert_eq!(world.account(&id).await, before);
    world.stop().await;
}
