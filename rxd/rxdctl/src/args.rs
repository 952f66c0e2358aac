//! What can be said on the command line.

use clap::{Parser, Subcommand, ValueEnum};
use rxd::admin::Address;

/// Sees what a daemon of rxd runs, and why something does not; turns its logs up and down.
///
/// Exit status: 0 done, 1 the daemon refused, 2 wrong usage, 3 `status`: not all is ready, 4 no daemon answers.
///
/// With --json a failure is JSON too, on standard error: {"error", "exit", "problem"}.
#[derive(Debug, Parser)]
#[command(name = "rxdctl", version, max_term_width = 100)]
pub(crate) struct Args {
    /// Where the daemon's admin route listens: 127.0.0.1:1337, or unix:/run/my-app.sock.
    #[arg(long, short = 'a', global = true, env = "RXD_ADMIN", default_value = "127.0.0.1:1337",
        value_name = "ADDRESS", value_parser = address)]
    pub(crate) at: Address,
    /// The token the admin route asks for, if it does.
    #[arg(long, global = true, env = "RXD_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Print JSON, one value a line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

fn address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|error: rxd::Error| error.to_string())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Where the services are.
    Status {
        /// These alone; all, if none is named.
        services: Vec<String>,
        /// Keep showing it as it changes.
        #[arg(long, short)]
        watch: bool,
    },
    /// Why a service is where it is: what it waits for, and why that does not come.
    Why {
        /// The service.
        service: String,
    },
    /// Shows the levels of the logs, or sets one.
    LogLevel(LogLevel),
    /// Starts services that have ended.
    Start {
        /// The services.
        #[arg(required = true)]
        services: Vec<String>,
    },
    /// Ends services.
    Stop {
        /// The services.
        #[arg(required = true)]
        services: Vec<String>,
    },
    /// Takes services through Stop and back to Init.
    Restart {
        /// The services.
        #[arg(required = true)]
        services: Vec<String>,
    },
    /// Has services reload.
    Reload {
        /// The services.
        #[arg(required = true)]
        services: Vec<String>,
    },
    /// Prints the checked graph.
    Graph {
        /// In which form.
        #[arg(long, short, value_enum, default_value_t = Form::Mermaid)]
        format: Form,
    },
    /// Prints every transition as it happens.
    Events,
    /// Prints a script that completes these commands in a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct LogLevel {
    /// The service; without it, the default of all.
    pub(crate) service: Option<String>,
    /// The level it is to have: off, error, warn, info, debug, trace, or one of syslog's.
    #[arg(conflicts_with = "own")]
    pub(crate) level: Option<String>,
    /// For this long; then it goes back by itself: 30s, 10m, 2h.
    #[arg(long = "for", value_name = "TIME", requires = "service")]
    pub(crate) time: Option<String>,
    /// What rxd itself says, in place of a service: `log-level --own debug`.
    #[arg(long)]
    pub(crate) own: bool,
    /// Take back what was set: of the service, or of the default and of rxd itself.
    #[arg(long, conflicts_with_all = ["level", "time", "own"])]
    pub(crate) reset: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Form {
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
    fn the_commands_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn as_in_the_documentation() {
        for line in [
            "rxdctl status",
            "rxdctl status --watch api",
            "rxdctl why api",
            "rxdctl log-level",
            "rxdctl log-level api debug --for 10m",
            "rxdctl log-level api --reset",
            "rxdctl log-level --own debug --for 10m",
            "rxdctl --at unix:/run/app.sock restart api poller --json",
            "rxdctl graph --format svg",
            "rxdctl events --json",
            "rxdctl completions bash",
        ] {
            assert!(Args::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        for line in [
            "rxdctl",
            "rxdctl why",
            "rxdctl restart",
            "rxdctl --at nowhere status",
            "rxdctl log-level api debug --reset",
            "rxdctl log-level --own api debug",
        ] {
            assert!(Args::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
