//! The demo runs to its end, and leaves the data in order.

use std::process::Command;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

#[tokio::test]
async fn the_demo_ends_with_a_table_and_data_in_order() {
    let folder = TempDir::new().unwrap();
    let kept = folder.path().join("kept");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidepool"));
    command
        .args(["demo", "--exit", "--listen", "127.0.0.1:0", "--keep"])
        .arg(&kept);
    let output = spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let complained = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}\n{complained}");
    // Nothing but what the demo says: no bar where there is no terminal, no warning but the breaker's, which it is about.
    let unexpected: Vec<_> = complained
        .lines()
        .filter(|line| !line.contains("before somebody confirms it (ConfirmReclaims)"))
        .collect();
    assert_eq!(unexpected, [""; 0]);
    let head = [
        "rep",
        "assigned",
        "claimed",
        "refused",
        "held",
        "won",
        "reclaimed",
        "released",
    ];
    let titles: Vec<Vec<_>> = said.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(titles.contains(&head.to_vec()), "{said}");
    for part in [
        "800 rows: 782 created, 18 refused",
        "ALREADY_CLAIMED",
        "DAILY_CLAIM_LIMIT_REACHED",
        "HOLDING_LIMIT_REACHED",
        "CLAIM_COOLDOWN_ACTIVE",
        "EVENT_ID_REUSED",
        "accounts go back, then the breaker stops it",
        "the rule \"First contact\" gives 7 days",
        "accounts reminded of: 1, taken back: 0",
        "3 day(s) before: farid",
        "would go back earlier, 0 later, 0 within a day",
        " 0 broken",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let all = titles.iter().find(|line| line.first() == Some(&"all")).unwrap();
    let numbers: Vec<u32> = all[1..].iter().map(|number| number.parse().unwrap()).collect();
    assert_eq!(numbers.len(), 7);
    assert!(numbers.iter().all(|number| *number > 0), "{said}");

    // It begins with nothing, or not at all.
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidepool"));
    command.args(["demo", "--exit", "--keep"]).arg(&kept);
    let output = spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("is there already"));
}
