//! The configuration: a file, which the environment overrides.

use figment::Figment;
use figment::providers::{Env, Format, Toml};
use serde::{Deserialize, Deserializer, de::Error};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// The prefix of settings in the environment: `TEMPLATE_EVERY=100ms`.
const PREFIX: &str = "TEMPLATE_";

/// Every setting. A missing setting has its default; an unknown one is an error.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The server that the work needs.
    pub upstream: SocketAddr,
    /// The time between two pieces of work.
    #[serde(deserialize_with = "duration")]
    pub every: Duration,
    /// The address of the admin route.
    pub admin: String,
    /// The log levels.
    pub log: String,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            upstream: ([127, 0, 0, 1], 7000).into(),
            every: Duration::from_secs(1),
            admin: "127.0.0.1:7001".to_owned(),
            log: "info".to_owned(),
        }
    }
}

impl Config {
    /// Reads the file, if there is one, and the environment.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or a setting is unknown or invalid. The error names the setting
    /// and its source.
    pub fn read(file: Option<&Path>) -> rxd::Result<Config> {
        let mut figment = Figment::new();
        if let Some(file) = file {
            figment = figment.merge(Toml::file_exact(file));
        }
        // `TEMPLATE_CONFIG` names the file, and is not a setting.
        let config = figment.merge(Env::prefixed(PREFIX).ignore(&["config"])).extract();
        config.map_err(|error| format!("failed to read the configuration: {error}").into())
    }
}

/// `500ms`; zero is an error.
fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    match humantime::parse_duration(&String::deserialize(from)?).map_err(D::Error::custom)? {
        Duration::ZERO => Err(D::Error::custom("it must be greater than zero")),
        duration => Ok(duration),
    }
}

#[cfg(test)]
#[allow(clippy::result_large_err, reason = "it is figment's")]
mod tests {
    use super::*;
    use figment::Jail;

    #[test]
    fn file_beside_the_program_has_the_defaults() {
        Jail::expect_with(|_| {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("template.toml");
            assert_eq!(Config::read(Some(&file)).unwrap(), Config::default());
            assert_eq!(Config::read(None).unwrap(), Config::default());
            Ok(())
        });
    }

    #[test]
    fn setting_in_the_environment_overrides_the_file() {
        Jail::expect_with(|jail| {
            jail.create_file("a.toml", "every = '2s'\nlog = 'debug'")?;
            jail.set_env("TEMPLATE_EVERY", "3s");
            jail.set_env("TEMPLATE_CONFIG", "a.toml");
            let config = Config::read(Some(Path::new("a.toml"))).unwrap();
            assert_eq!((config.every, &*config.log), (Duration::from_secs(3), "debug"));
            Ok(())
        });
    }

    #[test]
    fn wrong_setting_is_named_with_its_source() {
        Jail::expect_with(|jail| {
            jail.create_file("a.toml", "evry = '2s'")?;
            let error = Config::read(Some(Path::new("a.toml"))).unwrap_err().to_string();
            assert!(error.contains("evry") && error.contains("a.toml"), "{error}");
            jail.set_env("TEMPLATE_EVERY", "0s");
            let error = Config::read(None).unwrap_err().to_string();
            assert!(error.contains("it must be greater than zero") && error.contains("TEMPLATE_"), "{error}");
            let error = Config::read(Some(Path::new("none.toml"))).unwrap_err().to_string();
            assert!(error.contains("none.toml"), "{error}");
            Ok(())
        });
    }
}
