//! What is wrong in a configuration is said, all of it, and passwords are not.

use super::*;

fn load(flags: &[(&str, serde_json::Value)]) -> Result<Config, ConfigErrors> {
    Config::load(None, flags)
}

#[test]
fn defaults_are_valid_and_listen_on_loopback() {
    let config = load(&[]).unwrap();
    assert!(config.server.listen.ip().is_loopback());
    assert_eq!(config.database.url.expose_secret(), "sqlite:tidepool.sqlite");
}

#[test]
fn everything_wrong_is_listed_at_once() {
    let flags = [
        ("server.listen", "0.0.0.0:7400".into()),
        ("database.url", "postgres://x".into()),
        ("database.max_connections", 0.into()),
        ("log.colour", true.into()),
        ("sevrer.listen", "x".into()),
    ];
    let ConfigErrors(errors) = load(&flags).unwrap_err();
    for part in [
        "server.listen",
        "database.url",
        "database.max_connections",
        "colour",
        "sevrer",
    ] {
        assert!(errors.iter().any(|error| error.contains(part)), "{part}: {errors:?}");
    }
}

#[test]
fn a_database_on_another_host_needs_a_verified_certificate() {
    assert!(load(&[("database.url", "mysql://u:p@db.example/x".into())]).is_err());
    assert!(load(&[("database.url", "mysql://u:p@db.example/x?ssl-mode=REQUIRED".into())]).is_err());
    assert!(
        load(&[(
            "database.url",
            "mysql://u:p@db.example/x?ssl-mode=VERIFY_IDENTITY".into()
        )])
        .is_ok()
    );
    assert!(load(&[("database.url", "mysql://u:p@127.0.0.1:3306/x".into())]).is_ok());
    assert!(load(&[("database.url", "mysql://u:p@[::1]:3306/x".into())]).is_ok());
    let flags = [
        ("database.url", "mysql://u:p@db/x".into()),
        ("database.insecure", true.into()),
    ];
    assert!(load(&flags).is_ok());
}

#[test]
fn passwords_are_never_shown() {
    let config = load(&[("database.url", "mysql://u:s3cr@et@127.0.0.1/x".into())]).unwrap();
    let shown = format!("{} {config:?}", config.describe());
    assert!(
        !shown.contains("s3cr") && shown.contains("u:***@127.0.0.1/x"),
        "{shown}"
    );
}
