//! Where the URL of the database comes from: said directly, or in a file, as secrets are mounted. What comes later wins:
//! a URL in the environment beats a file that the configuration file names, and the other way round.

use super::{ConfigErrors, Database};
use figment::Figment;
use std::{fs, path::Path};

const URL: &str = "database.url";
const FILE: &str = "database.url_file";

/// Settles which of both is in force. `layers` are the sources of the configuration, the weakest first.
pub(super) fn settle(layers: &[Figment], database: &mut Database, errors: &mut Vec<String>) {
    let mut from_file = false;
    for layer in layers {
        match (layer.find_value(URL).is_ok(), layer.find_value(FILE).is_ok()) {
            (true, true) => {
                let error = "database.url and database.url_file are both set in one place; say which one it is";
                errors.push(error.into());
            }
            (true, false) => from_file = false,
            (false, true) => from_file = true,
            (false, false) => {}
        }
    }
    if !from_file {
        database.url_file = None;
    } else if let Some(file) = &database.url_file {
        match read(file) {
            Ok(url) => database.url = url.into(),
            Err(ConfigErrors(wrong)) => errors.extend(wrong),
        }
    }
}

/// What the file holds is a secret: errors name the file, and never what is in it.
fn read(file: &Path) -> Result<String, ConfigErrors> {
    let wrong = |what: String| ConfigErrors(vec![format!("{FILE}: {} {what}", file.display())]);
    let text = fs::read_to_string(file).map_err(|error| wrong(format!("cannot be read: {}", error.kind())))?;
    // Editors and `echo` end files with a line break.
    match text.trim() {
        "" => Err(wrong("is empty".into())),
        url if url.lines().count() > 1 => Err(wrong("has more than one line".into())),
        url => Ok(url.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use secrecy::ExposeSecret;
    use std::path::PathBuf;
    use tempfile::TempDir;

    fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file
    }

    fn said(error: ConfigErrors) -> String {
        error.to_string()
    }

    #[test]
    fn the_url_comes_from_a_file_and_what_is_said_later_wins() {
        let folder = TempDir::new().unwrap();
        let secret = write(&folder, "url", "mysql://u:s3cret@127.0.0.1/x\n");
        let named = format!("[database]\nurl_file = {:?}\n", secret.display().to_string());
        let toml = write(&folder, "tidepool.toml", &named);
        let config = Config::load(Some(&toml), &[]).unwrap();
        assert_eq!(config.database.url.expose_secret(), "mysql://u:s3cret@127.0.0.1/x");
        let shown = format!("{} {config:?}", config.describe());
        assert!(!shown.contains("s3cret") && shown.contains("url_file"), "{shown}");

        let config = Config::load(Some(&toml), &[(URL, "sqlite:other".into())]).unwrap();
        assert_eq!(config.database.url.expose_secret(), "sqlite:other");
        assert_eq!(config.database.url_file, None);

        let toml = write(&folder, "other.toml", "[database]\nurl = \"sqlite:other\"\n");
        let flag = [(FILE, secret.display().to_string().into())];
        let config = Config::load(Some(&toml), &flag).unwrap();
        assert_eq!(config.database.url.expose_secret(), "mysql://u:s3cret@127.0.0.1/x");
    }

    #[test]
    fn what_is_wrong_with_the_file_is_said_without_what_is_in_it() {
        let folder = TempDir::new().unwrap();
        let load = |file: &Path| {
            let flag = [(FILE, file.display().to_string().into())];
            said(Config::load(None, &flag).unwrap_err())
        };
        assert!(load(&folder.path().join("nowhere")).contains("cannot be read"));
        assert!(load(&write(&folder, "empty", " \n")).contains("is empty"));
        for text in [
            "postgres://u:s3cret@db/x",
            "mysql://u:s3cret@db/x",
            "mysql://u:s3cret@127.0.0.1/x\nmore",
        ] {
            let said = load(&write(&folder, "wrong", text));
            assert!(said.contains("database.url") && !said.contains("s3cret"), "{said}");
        }
        let file = write(&folder, "url", "sqlite:a");
        let both = [(URL, "sqlite:b".into()), (FILE, file.display().to_string().into())];
        let said = said(Config::load(None, &both).unwrap_err());
        assert!(said.contains("both set"), "{said}");
    }
}
