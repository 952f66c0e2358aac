//! The arguments of the command line, and their help.

use clap::{Parser, Subcommand, ValueEnum};
use rxd::admin::Address;
use std::fmt;
use std::str::FromStr;

/// Shows the state of a daemon's services and the reason for it, sets log levels, and acts on
/// services.
///
/// Exit status: 0 done, 1 the daemon refused the request, 2 the command line is wrong, 3 `status`:
/// not every service is ready, 4 no daemon answers.
///
/// With --json an error is JSON too, on standard error: {"error", "exit", "problem"}.
#[derive(Debug, Parser)]
#[command(name = "rxdctl", version, max_term_width = 100)]
pub(crate) struct Args {
    /// The address of the daemon's admin route: 127.0.0.1:1337, unix:/run/my-app.sock, or
    /// 127.0.0.1:8000/admin where it is part of another server.
    #[arg(
        long,
        short = 'a',
        global = true,
        env = "RXD_ADMIN",
        default_value = "127.0.0.1:1337",
        value_name = "ADDRESS"
    )]
    pub(crate) at: At,
    /// The token of the admin route, if it requires one.
    #[arg(long, global = true, env = "RXD_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Print JSON, one value a line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: CliCommand,
}

/// The address of an admin route, and the path of its routes there; the path is empty, or begins
/// with a `/` and ends without one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct At {
    pub(crate) address: Address,
    pub(crate) prefix: String,
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("https://") {
            return Err("an admin route has no TLS\nhelp: write http://, or an address without a scheme".to_owned());
        }
        let rest = text.strip_prefix("http://").unwrap_or(text);
        let (address, prefix) = match rest.split_once('/') {
            Some((address, path)) if !text.starts_with("unix:") => (address, path.trim_end_matches('/')),
            _ => (rest, ""),
        };
        if !prefix.bytes().all(|b| b.is_ascii_graphic() && !b"?#".contains(&b)) {
            return Err("the path has a character that must be escaped, or a query".to_owned());
        }
        let address = address.parse().map_err(|error: rxd::Error| error.to_string())?;
        let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
        Ok(At { address, prefix })
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.address, self.prefix)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum CliCommand {
    /// Shows the state of the services, and why each is where it is now.
    Status {
        /// The services to show; all of them if none is named.
        services: Vec<String>,
        /// Show the status again after each transition.
        #[arg(long, short)]
        watch: bool,
    },
    /// Says why a service is in its state: what it waits for, and why that is not met.
    Why {
        /// The service.
        service: String,
    },
    /// Shows the log levels, or sets one.
    LogLevel(LogLevelArgs),
    /// Starts services that are in Exit.
    Start(Targets),
    /// Stops services: they end in Exit.
    Stop(Targets),
    /// Restarts services: they pass Stop, and enter Init again.
    Restart(Targets),
    /// Reloads services.
    Reload {
        /// The services; all of them, along the graph, if none is named.
        services: Vec<String>,
        /// The services of this group, along the graph.
        #[arg(long, short, conflicts_with = "services")]
        group: Option<String>,
        /// All services, along the graph.
        #[arg(long, conflicts_with_all = ["services", "group"])]
        all: bool,
    },
    /// Changes how many members a family of services has: `scale workers 8`.
    Scale {
        /// The family.
        family: String,
        /// The number of members.
        members: u32,
    },
    /// Adds a service of a kind that the program allows for.
    Add {
        /// The kind: tenant.
        kind: String,
        /// The name of the service.
        name: String,
        /// The arguments of the kind: region=eu.
        #[arg(value_name = "KEY=VALUE", value_parser = key_and_value)]
        args: Vec<(String, String)>,
    },
    /// Stops a service that was added by `add`, and forgets it.
    Remove {
        /// The service.
        service: String,
        /// Remove the services that refer to it, too, and before it.
        #[arg(long)]
        with_dependents: bool,
    },
    /// Stops the daemon. Does not wait until it has stopped; `events` does, on the daemon's own address.
    Shutdown {
        /// The reason, for the daemon's log and its status.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Prints the checked graph.
    Graph {
        /// The format.
        #[arg(long, short, value_enum, default_value_t = GraphFormat::Mermaid)]
        format: GraphFormat,
    },
    /// Prints every transition as it happens.
    Events,
    /// Prints a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// The services to act on.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Targets {
    /// The services.
    pub(crate) services: Vec<String>,
    /// The services of this group. They stop in the order of the graph.
    #[arg(long, short)]
    pub(crate) group: Option<String>,
    /// All services. They stop in the order of the graph; the daemon goes on.
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LogLevelArgs {
    /// The service; without it, the default level of all services.
    pub(crate) service: Option<String>,
    /// The level to set: off, error, warn, info, debug, trace, or one of syslog's names.
    #[arg(conflicts_with = "internal")]
    pub(crate) level: Option<String>,
    /// The level reverts after this time: 30s, 10m, 2h.
    #[arg(long = "for", value_name = "TIME", requires = "service")]
    pub(crate) time: Option<String>,
    /// The level of rxd's own records, in place of a service: `log-level --internal debug`.
    #[arg(long)]
    pub(crate) internal: bool,
    /// Reset the level of the service, or the default and the internal level.
    #[arg(long, conflicts_with_all = ["level", "time", "internal"])]
    pub(crate) reset: bool,
}

/// Splits `key=value`.
fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("it is no argument: write `key=value`".to_owned()),
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum GraphFormat {
    Mermaid,
    Dot,
    Svg,
    Json,
}

#[cfg(test)]
mod tests {
    use super::{Args, At};
    use clap::{CommandFactory, Parser};

    #[test]
    fn command_line_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn command_line_of_the_documentation_is_accepted() {
        for line in [
            "rxdctl status",
            "rxdctl status --watch api",
            "rxdctl why api",
            "rxdctl log-level",
            "rxdctl log-level api debug --for 10m",
            "rxdctl log-level api --reset",
            "rxdctl log-level --internal debug --for 10m",
            "rxdctl --at unix:/run/app.sock restart api poller --json",
            "rxdctl restart -g ingest",
            "rxdctl stop --all",
            "rxdctl start --group ingest --json",
            "rxdctl reload",
            "rxdctl reload -g ingest",
            "rxdctl reload --all",
            "rxdctl scale workers 8",
            "rxdctl add tenant acme",
            "rxdctl add tenant acme region=eu note=a=b empty=",
            "rxdctl remove acme --with-dependents",
            "rxdctl graph --format svg",
            "rxdctl events --json",
            "rxdctl shutdown --reason deploy",
            "rxdctl --at localhost:8000/admin status",
            "rxdctl completions bash",
        ] {
            assert!(Args::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        for line in [
            "rxdctl",
            "rxdctl why",
            "rxdctl restart",
            "rxdctl restart api --all",
            "rxdctl stop api -g ingest",
            "rxdctl reload -g ingest --all",
            "rxdctl scale workers",
            "rxdctl scale workers many",
            "rxdctl add tenant",
            "rxdctl add tenant acme region",
            "rxdctl add tenant acme =eu",
            "rxdctl remove",
            "rxdctl --at nowhere status",
            "rxdctl shutdown api",
            "rxdctl log-level api debug --reset",
            "rxdctl log-level --internal api debug",
        ] {
            assert!(Args::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }

    #[test]
    fn u8_address_with_a_path_is_split() {
        let parse = |text: &str| text.parse::<At>().map(|at| (at.address.to_string(), at.prefix));
        let at = |address: &str, prefix: &str| Ok((address.to_owned(), prefix.to_owned()));
        assert_eq!(parse("127.0.0.1:1337"), at("127.0.0.1:1337", ""));
        assert_eq!(parse("localhost:80/"), at("127.0.0.1:80", ""));
        assert_eq!(parse("localhost:80/admin"), at("127.0.0.1:80", "/admin"));
        assert_eq!(parse("http://[::1]:80/a/b%20c//"), at("[::1]:80", "/a/b%20c"));
        assert_eq!(parse("unix:/run/a.sock"), at("unix:/run/a.sock", ""));
        for text in
            ["https://localhost:80", "http://", "http://unix:/x/y", "/admin", "localhost:80/a b", "[::1]:80/a?b"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
