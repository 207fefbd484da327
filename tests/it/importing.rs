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
    rpc::proto::{AccountKind, GetPoolCountersRequest},
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
        // Refused with the whole call; the others are sent again.
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
    send::run(&client, &pool, cards.as_bytes(), |outcome, bytes| {
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
    let refused = send::run(&client, nowhere, "name\nMoss\n".as_bytes(), |outcome, _| {
        assert!(outcome.result.unwrap_err().starts_with("NOT_FOUND"));
    });
    refused.await.unwrap();
    let malformed = send::run(&client, "not an id", "name\nMoss\n".as_bytes(), |_, _| {}).await;
    assert!(
        matches!(malformed, Err(ImportError::Call { row: 2, .. })),
        "{malformed:?}"
    );
    world.stop().await;
}
