//! The arguments of the command line, and their help.

use clap::{Parser, Subcommand, ValueEnum};
use rxd::admin::Address;

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
    /// The address of the daemon's admin route: 127.0.0.1:1337, or unix:/run/my-app.sock.
    #[arg(long, short = 'a', global = true, env = "RXD_ADMIN", default_value = "127.0.0.1:1337",
        value_name = "ADDRESS", value_parser = address)]
    pub(crate) at: Address,
    /// The token of the admin route, if it requires one.
    #[arg(long, global = true, env = "RXD_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Print JSON, one value a line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: CliCommand,
}

fn address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|error: rxd::Error| error.to_string())
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
    Start {
        /// The services.
        #[arg(required = true)]
        services: Vec<String>,
    },
    /// Stops services: they end in Exit.
    Stop {
        /// The services.
        #[arg(required = true)]
        services: Vec<String>,
    },
    /// Restarts services: they pass Stop, and enter Init again.
    Restart {
        /// The services.
        #[arg(required = true)]
        services: Vec<String>,
    },
    /// Reloads services.
    Reload {
        /// The services; all of them, along the graph, if none is named.
        services: Vec<String>,
    },
    /// Stops the daemon. Does not wait until it has stopped; `events` does.
    Shutdown {
        /// The reason, for the daemon's log.
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

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum GraphFormat {
    Mermaid,
    Dot,
    Svg,
    Json,
}

#[cfg(test)]
mod tests {
    use super::Args;
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
            "rxdctl graph --format svg",
            "rxdctl events --json",
            "rxdctl shutdown --reason deploy",
            "rxdctl completions bash",
        ] {
            assert!(Args::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        for line in [
            "rxdctl",
            "rxdctl why",
            "rxdctl restart",
            "rxdctl --at nowhere status",
            "rxdctl shutdown api",
            "rxdctl log-level api debug --reset",
            "rxdctl log-level --internal api debug",
        ] {
            assert!(Args::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
