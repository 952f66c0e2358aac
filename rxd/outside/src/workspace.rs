//! A user's workspace: rxd's packages, unpacked, and packages that depend on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The published packages, which a user can depend on.
const PACKAGES: [&str; 3] = ["rxd-macros", "rxd", "rxdctl"];

/// The target with which Linux builds for Windows.
const WINDOWS: &str = "x86_64-pc-windows-gnu";

/// A file for the workspace, beside those in `user/`.
#[derive(Clone, Debug)]
pub struct Source {
    /// The package that it belongs to, which decides its features.
    pub package: String,
    /// Its path in that package: `src/bin/readme.rs`.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// The repository.
pub fn repository() -> PathBuf {
    here().join("../..").canonicalize().expect("this directory is in the repository")
}

/// Makes the workspace with these sources, builds its packages one by one, and returns the
/// directory of the programs.
///
/// # Panics
///
/// If something cannot be packaged, written or compiled.
pub fn build(sources: &[Source]) -> PathBuf {
    package();
    let user = target().join("user");
    let mut files = files_below(&here().join("user"));
    files.extend(sources.iter().map(|source| (Path::new(&source.package).join(&source.path), source.text.clone())));
    files.extend(template());
    place(&user, &files);
    for package in packages(&user) {
        // Warnings are about the hidden lines of the documents. Show them only if the build fails.
        let built = cargo(&user).args(["build", "--quiet", "--bins", "-p", &package]).output().expect("cargo runs");
        let output = String::from_utf8_lossy(&built.stderr);
        assert!(
            built.status.success(),
            "{output}\nthe programs of `{package}` do not compile outside of rxd's workspace"
        );
    }
    // cargo has updated the lock file if the dependencies of rxd have changed.
    fs::copy(user.join("Cargo.lock"), here().join("user/Cargo.lock")).expect("the lock file can be kept");
    target().join("user-target/debug")
}

/// Builds some programs of a package of the workspace that `build` made for Windows. Returns the
/// directory that they are in.
///
/// # Panics
///
/// If one cannot be compiled.
pub fn build_for_windows(package: &str, programs: &[String]) -> PathBuf {
    let mut cargo = cargo(&target().join("user"));
    cargo.args(["build", "--quiet", "--target", WINDOWS, "-p", package]);
    let built = cargo.args(programs.iter().flat_map(|name| ["--bin", name])).output().expect("cargo runs");
    let output = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{output}\nthe programs of `{package}` do not compile for Windows");
    target().join("user-target").join(WINDOWS).join("debug")
}

/// Runs the tests of one package of the workspace that `build` made. Returns whether they pass, and
/// their output.
pub fn test(package: &str) -> (bool, String) {
    let output = cargo(&target().join("user")).args(["test", "--quiet", "-p", package]).output().expect("cargo runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// The features that a dependency has in the build of one package: `alloc,std`.
pub fn features(package: &str, dependency: &str) -> String {
    let mut tree = cargo(&target().join("user"));
    tree.args(["tree", "--quiet", "-e", "normal", "-p", package, "-i", dependency, "--depth", "0", "-f", "{f}"]);
    let output = tree.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The target directory. It is kept between runs, so that only changes are compiled.
pub fn target() -> PathBuf {
    here().join("target")
}

/// cargo as a user calls it, without the variables of this suite.
fn cargo(directory: &Path) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(directory).env("CARGO_TARGET_DIR", target().join("user-target"));
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(variable);
    }
    cargo
}

/// Packages rxd as `cargo publish` would, and unpacks the packages.
fn package() {
    let made = target().join("packaged");
    let _ = fs::remove_dir_all(&made);
    let mut cargo = cargo(&repository());
    cargo.args(["package", "--quiet", "--no-verify", "--allow-dirty", "--exclude-lockfile"]);
    cargo.args(PACKAGES.map(|name| format!("--package={name}"))).arg("--target-dir").arg(&made);
    let output = cargo.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for name in PACKAGES {
        let unpacked = made.join("unpacked").join(name);
        fs::create_dir_all(&unpacked).expect("the target directory can be written to");
        let mut tar = Command::new("tar");
        tar.arg("-xf").arg(packed(&made.join("package"), name)).arg("--strip-components=1").current_dir(&unpacked);
        assert!(tar.status().expect("tar runs").success());
        // The file names the commit. With it, every new commit would compile everything again.
        let _ = fs::remove_file(unpacked.join(".cargo_vcs_info.json"));
        place(&target().join("packages").join(name), &files_below(&unpacked));
    }
}

/// The `.crate` file of a package, whatever its version.
fn packed(directory: &Path, name: &str) -> PathBuf {
    let mut files = fs::read_dir(directory).expect("cargo has made packages").map(|entry| entry.unwrap().path());
    let version = |path: &PathBuf| {
        let file =
            path.file_name()?.to_str()?.strip_prefix(name)?.strip_prefix('-')?.strip_suffix(".crate")?.to_owned();
        file.starts_with(|c: char| c.is_ascii_digit()).then_some(file)
    };
    files.find(|path| version(path).is_some()).unwrap_or_else(|| panic!("cargo has made no package `{name}`"))
}

/// The template, copied by the commands of its own README, with rxd from crates.io as its
/// `Cargo.toml` says.
fn template() -> Vec<(PathBuf, String)> {
    let readme = repository().join("examples/template/README.md");
    let readme = fs::read_to_string(readme).expect("the template has a README");
    let commands = readme.split("```").nth(1).expect("the README begins with how to copy it");
    let commands = commands.trim_start_matches(|c: char| c != '\n');
    let home = target().join("home");
    let _ = fs::remove_dir_all(&home);
    fs::create_dir_all(&home).expect("the target directory can be written to");
    let mut shell = Command::new("sh");
    shell.args(["-euc", commands]).current_dir(repository()).env("HOME", &home);
    assert!(shell.status().expect("sh runs").success(), "the template cannot be copied:{commands}");
    let mut files = files_below(&home);
    let manifest = files.iter_mut().find(|(path, _)| path.ends_with("Cargo.toml")).expect("it has a manifest");
    let published = manifest.1.lines().find_map(|line| line.strip_prefix("#   rxd = "));
    let published = published.expect("its first lines say how to depend on the published rxd").to_owned();
    let lines = manifest.1.lines().map(|line| match line.strip_prefix("rxd = { path = \"../../rxd\"") {
        // The second one is a dependency of its tests.
        Some(rest) if rest.contains("test-util") => {
            "rxd = { version = \"0.1\", features = [\"test-util\"] }\n".to_owned()
        }
        Some(_) => format!("rxd = {published}\n"),
        None => format!("{line}\n"),
    });
    manifest.1 = lines.collect();
    files
}

/// The members of the workspace, as its manifest lists them.
fn packages(user: &Path) -> Vec<String> {
    let manifest = fs::read_to_string(user.join("Cargo.toml")).expect("the workspace has a manifest");
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = [")).expect("it lists its members");
    members.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Every file below a directory, with its path relative to it; no target directory.
fn files_below(root: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
            let path = entry.expect("a directory can be read").path();
            if path.is_dir() {
                if !path.ends_with("target") {
                    open.push(path);
                }
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            found.push((path.strip_prefix(root).expect("it is below").to_owned(), text));
        }
    }
    found
}

/// Makes a directory hold exactly these files, and `Cargo.lock`. A file that is unchanged is not
/// written again, because cargo would compile it again.
fn place(directory: &Path, files: &[(PathBuf, String)]) {
    fs::create_dir_all(directory).expect("the target directory can be written to");
    for (path, _) in files_below(directory) {
        if path != Path::new("Cargo.lock") && !files.iter().any(|(file, _)| *file == path) {
            fs::remove_file(directory.join(path)).expect("a file can be removed");
        }
    }
    for (path, text) in files {
        let path = directory.join(path);
        if fs::read_to_string(&path).is_ok_and(|there| there == *text) {
            continue;
        }
        fs::create_dir_all(path.parent().expect("it is in a directory")).expect("a directory can be made");
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}
