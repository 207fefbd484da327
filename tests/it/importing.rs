//! `tidepool import`: what is created, what is refused and how the import says so.

use crate::{
    harness::ACME,
    world::{World, open_pool},
};
use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};
use tempfile::TempDir;
use tidepool::{
    client::{Client, Who},
    import::send::{self, ImportError},
    rpc::proto::{AccountKind, CreateCustomFieldRequest, CustomField, CustomFieldType, GetPoolCountersRequest},
};
use tokio::task::spawn_blocking;

impl World {
    /// Imports the text into the pool by the command line.
    async fn import(&self, text: &str, pool: &str, more: &[&str]) -> (Output, String) {
        let folder = TempDir::new().unwrap();
        let file = write(&folder, text);
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidepool"));
        command.arg("import").arg(file).args(more);
        command.args(["--pool", pool, "--tenant", ACME, "--server", &self.address()]);
        let output = spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let said = String::from_utf8(output.stdout.clone()).unwrap();
        (output, said)
    }

    fn address(&self) -> String {
        format!("http://{}", self.server.running.address())
    }

    async fn unclaimed(&self, pool: &str) -> i64 {
        let request = GetPoolCountersRequest { pool_id: pool.into() };
        let counters = self.server.admin().pools().get_pool_counters(request).await.unwrap();
        counters.into_inner().counters.unwrap().unclaimed
    }
}

fn write(folder: &TempDir, text: &str) -> PathBuf {
    let file = folder.path().join("cards.csv");
    fs::write(&file, text).unwrap();
    file
}

/// Rows are created in their order; what is refused is named with its row and reason, and decides the exit code.
#[tokio::test]
async fn refused_rows_are_named_and_the_others_created() {
    let world = World::start().await;
    let pool = world.pool(open_pool("Fair")).await;
    let long = "x".repeat(201);
    let text = format!(
        "name,kind,external_id,tags\nMoss,company,e1,a;b\nmoss,,,\n,person,,\nReed,firm,,\n{long},,,\nSedge,,a b,\nTeasel,,,\n"
    );
    let (output, said) = world.import(&text, "Fair", &[]).await;
    assert_eq!(output.status.code(), Some(1), "{said}");
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 6, "{said}");
    for (line, parts) in lines.iter().zip([
        ["row 3: moss: ", "DUPLICATE_EXACT"],
        ["row 4: ", "name is empty"],
        ["row 5: ", "kind \"firm\" is none of company, group, person"],
        ["row 6: xxx", "INVALID_ARGUMENT: name"],
        ["row 7: Sedge: ", "INVALID_ARGUMENT: external_id"],
        ["created 2", "refused 5"],
    ]) {
        assert!(line.starts_with(parts[0]) && line.contains(parts[1]), "{line}");
    }
    assert_eq!(world.unclaimed(&pool).await, 2);

    // The same again: now all of it is there.
    let (output, said) = world.import(&text, &pool, &["--allow-refused"]).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.ends_with("created 0, refused 7\n"), "{said}");
    world.stop().await;
}

/// What cannot be begun says why: the header with every unknown column, the pool, the actor.
#[tokio::test]
async fn what_cannot_be_imported_says_why() {
    let world = World::start().await;
    world.pool(open_pool("Fair")).await;
    let good = "name\nMoss\n";
    for (text, pool, more, wanted) in [
        (
            "name,fax,telex\nMoss,1,2\n",
            "Fair",
            &[][..],
            "unknown column \"fax\"; unknown column \"telex\"",
        ),
        ("", "Fair", &[], "the file is empty"),
        (good, "Nowhere", &[], "there is no pool \"Nowhere\""),
        (good, "Fair", &["--actor", "nobody"], "ACTOR_UNKNOWN"),
    ] {
        let (output, _) = world.import(text, pool, more).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            output.status.code() == Some(1) && said.contains(wanted),
            "{wanted}: {said}"
        );
    }
    world.stop().await;
}

/// The cards of the demo: more than one call, every row in its order, exactly the rows that are broken on purpose refused.
#[tokio::test]
async fn the_example_cards_come_in() {
    let world = World::start().await;
    let pool = world.pool(open_pool("Fair")).await;
    let who = Who {
        tenant: ACME.into(),
        caller: "import".into(),
        scopes: "act-as".into(),
        actor: "root".into(),
    };
    let client = Client::new(&world.address(), &who).unwrap();
    let cards = include_str!("../../examples/cards.csv");
    let (mut rows, mut created, mut duplicates, mut done) = (Vec::new(), Vec::new(), 0, 0);
    send::run(&client, &pool, None, cards.as_bytes(), |outcome, bytes| {
        rows.push(outcome.row);
        duplicates += usize::from(
            outcome
                .result
                .as_ref()
                .is_err_and(|why| why.starts_with("DUPLICATE_EXACT")),
        );
        created.extend(outcome.result.ok().zip(Some(outcome.account)));
        done = bytes;
    })
    .await
    .unwrap();
    assert_eq!(rows, (2..=801).collect::<Vec<_>>());
    assert_eq!((created.len(), duplicates), (782, 9));
    assert_eq!(done, u64::try_from(cards.len()).unwrap());
    let (id, sent) = &created[2];
    let stored = world.account(id).await;
    assert_eq!((stored.name, stored.region), (sent.name.clone(), sent.region.clone()));
    assert_eq!(stored.kind, i32::from(AccountKind::Person));

    let nowhere = "01890a5d-ac96-774b-bcce-b302099a8057";
    for (pool, wanted) in [(nowhere, "NOT_FOUND"), ("not an id", "INVALID_ARGUMENT: pool_id")] {
        let refused = send::run(&client, pool, None, "name\nMoss\n".as_bytes(), |outcome, _| {
            let why = outcome.result.unwrap_err();
            assert!(why.starts_with(wanted), "{why}");
        });
        refused.await.unwrap();
    }
    // The first sees no custom fields, the second may not import.
    for (actor, scopes, wanted) in [("nobody", "act-as", "ACTOR_UNKNOWN"), ("", "config", "SCOPE_MISSING")] {
        let who = Who {
            actor: actor.into(),
            scopes: scopes.into(),
            ..who.clone()
        };
        let client = Client::new(&world.address(), &who).unwrap();
        let stopped = send::run(&client, &pool, None, "name\nMoss\n".as_bytes(), |_, _| {}).await;
        let Err(ImportError::Fields(refused) | ImportError::Call { row: 2, refused }) = stopped else {
            panic!("{stopped:?}");
        };
        assert_eq!(refused.reason, wanted);
    }
    world.stop().await;
}

/// Custom fields are columns under their names, of their types.
#[tokio::test]
async fn custom_fields_are_columns() {
    let world = World::start().await;
    let pool = world.pool(open_pool("Fair")).await;
    for (name, kind, choices) in [
        ("employees", CustomFieldType::Number, &[][..]),
        ("tier", CustomFieldType::Choice, &["gold", "tin"]),
    ] {
        let field = CustomField {
            name: name.into(),
            display_name: name.into(),
            r#type: kind.into(),
            choices: choices.iter().map(ToString::to_string).collect(),
            ..CustomField::default()
        };
        let request = CreateCustomFieldRequest {
            custom_field: Some(field),
            ..Default::default()
        };
        let mut fields = world.server.admin().custom_fields();
        fields.create_custom_field(request).await.unwrap();
    }
    let text = "name,employees,tier\nMoss,12,gold\nReed,,\nSedge,1,paper\n";
    let (output, said) = world.import(text, &pool, &[]).await;
    assert_eq!(output.status.code(), Some(1), "{said}");
    let line = said.lines().next().unwrap();
    assert!(
        line.starts_with("row 4: Sedge: INVALID_ARGUMENT") && line.contains("custom_fields"),
        "{said}"
    );
    assert!(said.ends_with("created 2, refused 1\n"), "{said}");
    let (output, _) = world.import("name,height\nRush,1\n", &pool, &[]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("unknown column \"height\"") && said.contains("custom fields in use are employees, tier"),
        "{said}"
    );
    assert_eq!(world.unclaimed(&pool).await, 2);
    world.stop().await;
}

/// An import under the name of another one goes on with it: what was created is neither created again nor refused.
#[tokio::test]
async fn an_import_goes_on_under_its_name() {
    let world = World::start().await;
    let pool = world.pool(open_pool("Fair")).await;
    let (_, said) = world.import("name\nMoss\nReed\n", &pool, &["--id", "fair-1"]).await;
    assert_eq!(said, "created 2, refused 0\n");
    let more = "name\nMoss\nReed\nSedge\n";
    let (_, said) = world.import(more, &pool, &["--id", "fair-1"]).await;
    assert_eq!(said, "created 3, refused 0\n");
    assert_eq!(world.unclaimed(&pool).await, 3);
    let (_, said) = world.import("name\nRush\n", &pool, &["--id", "fair-1"]).await;
    assert!(said.starts_with("row 2: Rush: REQUEST_ID_REUSED"), "{said}");
    world.stop().await;
}
