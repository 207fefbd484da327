//! The rules of the house, held against the source text: which layer may know which, and how long a file may be.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Lines of a file at most: beyond that it has more than one reason to change.
const LONGEST: usize = 500;

/// Under which path which words may not stand. `except` names the paths below it to which the rule does not apply.
struct Rule {
    under: &'static [&'static str],
    except: &'static [&'static str],
    never: &'static [&'static str],
    why: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        under: &["src/domain"],
        except: &[],
        never: &[
            "crate::app",
            "crate::store",
            "crate::rpc",
            "crate::worker",
            "crate::clock",
            "crate::config",
            "crate::error",
            "crate::id::",
            "sea_orm",
            "sqlx",
            "tonic",
            "prost",
            "tokio",
            "async fn",
            "async move",
            ".await",
            "Utc::now",
            "Instant::now",
            "rand::",
        ],
        why: "the rules are pure: no database, no network, no clock, no randomness",
    },
    Rule {
        under: &["src"],
        except: &["src/store", "src/telemetry"],
        never: &["sea_orm", "sea_query", "sqlx"],
        why: "SQL lives in store, nowhere else",
    },
    Rule {
        under: &["src"],
        except: &[
            "src/rpc",
            "src/server.rs",
            "src/lifecycle.rs",
            "src/telemetry",
            "src/client",
            "src/import",
            "src/demo",
        ],
        never: &["tonic", "prost"],
        why: "gRPC lives in rpc, nowhere else; clients are outside",
    },
    Rule {
        under: &["src/client", "src/import"],
        except: &[],
        never: &[
            "crate::app",
            "crate::store",
            "crate::domain",
            "crate::lifecycle",
            "crate::worker",
        ],
        why: "a client knows the server by its port only",
    },
    Rule {
        under: &["src/store"],
        except: &[],
        never: &[
            "crate::app",
            "crate::rpc",
            "crate::worker",
            "crate::server",
            "crate::lifecycle",
            "crate::config::",
        ],
        why: "store knows the domain's types and nobody above it",
    },
    Rule {
        under: &["src/app"],
        except: &[],
        never: &["crate::rpc", "crate::worker", "crate::server", "crate::lifecycle"],
        why: "flows do not know who calls them",
    },
    Rule {
        under: &["src/rpc"],
        except: &[],
        never: &["crate::worker", "crate::lifecycle", ".unit("],
        why: "rpc decodes, calls a flow, encodes",
    },
    Rule {
        under: &["src/webhook"],
        except: &[],
        never: &[
            "crate::app",
            "crate::store",
            "crate::rpc",
            "crate::worker",
            "crate::config",
        ],
        why: "what sends requests knows the rules and nothing else",
    },
    Rule {
        under: &["src/worker"],
        except: &[],
        never: &["crate::rpc", "sea_orm"],
        why: "workers drive flows; they have no rules of their own",
    },
    Rule {
        under: &["src"],
        except: &["src/store/unit"],
        never: &[
            ".begin(",
            ".begin_with_config(",
            ".begin_with_options(",
            ".transaction(",
            ".transact(",
        ],
        why: "store::unit is the only door to transactions",
    },
    Rule {
        under: &["src/store", "src/app", "migrations/src"],
        except: &[],
        never: &[
            "lock_exclusive",
            "lock_shared",
            "FOR UPDATE",
            "SKIP LOCKED",
            "GET_LOCK",
            "SAVEPOINT",
            "JSON_EXTRACT",
            "->>",
            "LAST_INSERT_ID",
            "auto_increment(",
            "foreign_key(",
        ],
        why: "nothing rests on what some engine or cluster lacks or silently ignores",
    },
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below these folders, as a path from the root.
fn files(folders: &[&str]) -> Vec<String> {
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        // A layer may not be there yet.
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

/// The code of a line without its comment.
fn code(line: &str) -> &str {
    let line = line.trim_start();
    if line.starts_with("//") {
        ""
    } else {
        line.split(" // ").next().unwrap_or("")
    }
}

fn broken(rule: &Rule, file: &str, text: &str) -> Vec<String> {
    let lines = text.lines().enumerate();
    let found = lines.flat_map(|(number, line)| {
        let words = rule.never.iter().filter(move |word| code(line).contains(**word));
        words.map(move |word| format!("{file}:{}: {word}: {}", number + 1, rule.why))
    });
    found.collect()
}

#[test]
fn layers_know_only_those_below_them() {
    let mut found = Vec::new();
    for rule in RULES {
        let mut seen = 0;
        for file in files(rule.under) {
            if !rule.except.iter().any(|except| file.starts_with(except)) {
                found.extend(broken(rule, &file, &read(&file)));
                seen += 1;
            }
        }
        assert!(
            seen > 0 || rule.under == ["src/worker"],
            "{:?} holds no files",
            rule.under
        );
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_rules_find_what_they_are_for() {
    let text = "use sea_orm::Value;\n// sea_orm in a comment\nlet x = 1; // sea_orm again\n";
    let broken = broken(&RULES[1], "src/app/x.rs", text);
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert!(broken[0].starts_with("src/app/x.rs:1: sea_orm"), "{broken:?}");
}

#[test]
fn files_have_one_reason_each() {
    let mut found = Vec::new();
    for file in files(&["src", "migrations", "tests", "benches"]) {
        let text = read(&file);
        let lines = text.lines().count();
        if lines > LONGEST {
            found.push(format!("{file} has {lines} lines; {LONGEST} are allowed"));
        }
        if !text.starts_with("//!") {
            found.push(format!("{file} does not say what it is for"));
        }
        if text.contains("#[allow(") || text.contains("#![allow(") {
            // Written in two parts, or this file would be found.
            if file != "tests/it/house.rs" {
                found.push(format!("{file}: an expectation with a reason, not an allowance"));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
