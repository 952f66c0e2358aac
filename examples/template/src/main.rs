//! A daemon to start from: see README.md.
#![allow(clippy::print_stdout, reason = "--unit is output")]

mod config;
mod daemon;

use clap::Parser;
use config::Config;
use daemon::Template;
use std::path::PathBuf;

/// Does some work while its upstream can be reached.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The configuration file; without it, defaults. TEMPLATE_EVERY=100ms overrides `every`.
    #[arg(long, env = "TEMPLATE_CONFIG")]
    config: Option<PathBuf>,
    /// Print the systemd unit, and exit.
    #[arg(long)]
    unit: bool,
}

#[tokio::main]
async fn main() -> rxd::Result {
    let Args { config: file, unit } = Args::parse();
    if unit {
        let unit = Template::new(&Config::default(), None).into_daemon().unit();
        print!("{}", unit.exec("/usr/local/bin/template").arg("--config=/etc/template.toml"));
        return Ok(());
    }
    let config = Config::read(file.as_deref())?;
    // To the journal with its fields if systemd has started the program, else to standard error.
    let logs = rxd::log::builder().levels(&config.log);
    let _log = if std::env::var_os("JOURNAL_STREAM").is_some() { logs.journald() } else { logs }.init()?;
    Template::new(&config, file).into_daemon().admin(config.admin).run().await?;
    Ok(())
}
