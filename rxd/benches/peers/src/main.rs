//! Measures the same work for rxd, for bare tokio, and for comparable crates. README.md beside this
//! package explains it, and RESULTS.md has the results.

#![allow(missing_docs)]

mod board;
mod builds;
mod cost;
mod count;
mod gate;
mod generated;
mod growth;
mod machine;
mod page;
mod plan;
mod plot;
mod sample;
mod stats;
mod subject;

use sample::Key;
use std::process::ExitCode;

const USAGE: &str = "peers [--samples N] [--only CASE[,CASE ..]] [--up-to N] [--no-builds] [--out DIR]\n\
                     peers --cost [--services N] [--rounds N] [--out DIR]  what compiling costs: COST.md\n\
                     peers --from-nothing [--services N] [--rounds N]  what a first release build costs\n\
                     peers wedge                          pass or fail, for rxd\n\
                     peers sample CASE SUBJECT one|two N  one sample, in this process";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match &words[..] {
        ["sample", case, subject, runtime, n] => {
            let [case, subject, runtime] = [case, subject, runtime].map(|word| word.to_string());
            sample::take(&Key { case, subject, runtime, n: n.parse().expect(USAGE) });
            ExitCode::SUCCESS
        }
        ["wedge"] => plan::wedge(),
        ["--cost", options @ ..] => match cost::Options::parse(options) {
            Some(options) => cost::run(&options),
            None => usage(),
        },
        ["--from-nothing", options @ ..] => match cost::Options::parse(options) {
            Some(options) => cost::from_nothing(&options),
            None => usage(),
        },
        options => match plan::Options::parse(options) {
            Some(options) => plan::run(&options),
            None => usage(),
        },
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::FAILURE
}
