//! The same services twice: with attributes, and written by hand on bare tokio.
//!
//! Each service waits until the one before it runs, works until it is cancelled, cleans up, and
//! restarts with a growing delay after a failure. All are stopped in reverse order. The version by
//! hand does no more than that: it contains no panic, keeps no limit, and publishes no state.

use std::fmt::Write;

/// With `rxd`.
pub(crate) fn annotated(services: usize) -> String {
    let mut out = String::from("#![allow(dead_code)]\nuse rxd::{Context, Result, Runner};\n");
    for i in 0..services {
        let gate = match i.checked_sub(1) {
            Some(before) => format!("#[watch(any, entering, Run, \"s-{before}\")]\n"),
            None => String::new(),
        };
        let _ = writeln!(
            out,
            "#[rxd::service(name = \"s-{i}\")]\n{gate}struct S{i} {{ work: u64 }}\n\
             impl Runner for S{i} {{
                 async fn init(&mut self, _: &Context) -> Result {{ self.work = {i}; Ok(()) }}
                 async fn run(&mut self, cx: &Context) -> Result {{ self.work += 1; cx.cancelled().await; Ok(()) }}
                 async fn stop(&mut self, _: &Context) -> Result {{ self.work = 0; Ok(()) }}
             }}"
        );
    }
    let fields: String = (0..services).map(|i| format!("    s{i}: S{i},\n")).collect();
    let values: String = (0..services).map(|i| format!("s{i}: S{i} {{ work: 0 }}, ")).collect();
    let _ = writeln!(
        out,
        "#[rxd::daemon]\nstruct Daemon {{\n{fields}}}\n\
         #[tokio::main]\nasync fn main() -> Result {{ Daemon {{ {values} }}.run().await }}"
    );
    out
}

/// Without.
pub(crate) fn by_hand(services: usize) -> String {
    let mut out = String::from(
        "use std::time::Duration;\nuse tokio::sync::watch;\ntype Result = std::result::Result<(), Box<dyn std::error::Error + Send + Sync>>;\n",
    );
    for i in 0..services {
        let _ = writeln!(
            out,
            "struct S{i} {{ work: u64 }}\n\
             impl S{i} {{
                 async fn init(&mut self) -> Result {{ self.work = {i}; Ok(()) }}
                 async fn run(&mut self, stopped: &mut watch::Receiver<bool>) -> Result {{
                     self.work += 1;
                     stopped.wait_for(|stopped| *stopped).await?;
                     Ok(())
                 }}
                 async fn stop(&mut self) -> Result {{ self.work = 0; Ok(()) }}
             }}
             async fn serve_{i}(
                 mut service: S{i},
                 mut before: watch::Receiver<bool>,
                 runs: watch::Sender<bool>,
                 mut stopped: watch::Receiver<bool>,
             ) {{
                 let mut delay = Duration::from_millis(100);
                 while !*stopped.borrow() {{
                     let mut result = service.init().await;
                     if result.is_ok() {{
                         let open = tokio::select! {{
                             open = before.wait_for(|runs| *runs) => open.is_ok(),
                             _ = stopped.wait_for(|stopped| *stopped) => false,
                         }};
                         if open {{
                             runs.send_replace(true);
                             result = service.run(&mut stopped).await;
                             runs.send_replace(false);
                         }}
                     }}
                     if let Err(error) = &result {{
                         eprintln!(\"service {i} failed: {{error}}\");
                     }}
                     if let Err(error) = service.stop().await {{
                         eprintln!(\"service {i} failed to stop: {{error}}\");
                     }}
                     if result.is_ok() {{
                         continue;
                     }}
                     tokio::select! {{
                         () = tokio::time::sleep(delay) => delay = (delay * 2).min(Duration::from_secs(30)),
                         _ = stopped.wait_for(|stopped| *stopped) => {{}},
                     }}
                 }}
             }}"
        );
    }
    out.push_str("#[tokio::main]\nasync fn main() -> Result {\n    let mut before = watch::channel(true).1;\n    let mut all = Vec::new();\n");
    for i in 0..services {
        let _ = writeln!(
            out,
            "    let (stop, stopped) = watch::channel(false);
    let (runs, next) = watch::channel(false);
    all.push((stop, tokio::spawn(serve_{i}(S{i} {{ work: 0 }}, before, runs, stopped))));
    before = next;"
        );
    }
    out.push_str(
        "    drop(before);\n    tokio::signal::ctrl_c().await?;\n    for (stop, task) in all.into_iter().rev() {\n        \
         stop.send_replace(true);\n        task.await?;\n    }\n    Ok(())\n}\n",
    );
    out
}
